/** The parts of an OpenAPI document that an answer is held against. */
export interface ApiDocument {
  paths: Record<string, Record<string, Operation>>;
  webhooks: Record<string, { post: SentMessage }>;
  components: { schemas: Record<string, object> };
}

export interface SentMessage {
  parameters: { name: string }[];
  requestBody: { content: Record<string, MediaType> };
}

export interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; 'x-rest-of-path'?: boolean }[];
  responses: Record<string, ResponseObject>;
}

export interface ResponseObject {
  headers?: Record<string, { required?: boolean; schema?: object }>;
  content?: Record<string, MediaType>;
}

export interface MediaType {
  schema?: object;
  'x-events'?: Record<string, { contentMediaType: string; schema: object }>;
}

export const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;
