import { piecesOf, type Protocol, type Reply, textIn, USAGE, withHold } from './protocol.js';
import { refusalOf } from './protocol.js';
import type { ToolUse } from './script.js';

interface Part {
  text?: string;
  functionResponse?: { response?: { output?: unknown; error?: unknown } };
}

interface Thinking {
  thinkingLevel?: string;
  thinkingBudget?: number;
}

const STATUS_NAMES: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
};

/** Gemini's generateContent, which gemini speaks. */
export const geminiGenerate: Protocol = {
  matches: (path) => /:(stream)?generateContent$/i.test(path),

  read({ path, body, headers }) {
    const parts = (body.contents as { role: string; parts: Part[] }[])
      .filter(({ role }) => role === 'user')
      .flatMap((content) => content.parts);
    const thinking = (body.generationConfig?.thinkingConfig ?? {}) as Thinking;
    const tools = (body.tools ?? []) as { functionDeclarations?: { name: string }[] }[];
    return {
      model: /models\/([^:]+):/.exec(path)?.[1] ?? '',
      effort: thinking.thinkingLevel ?? thinking.thinkingBudget ?? null,
      key: headers['x-goog-api-key']?.toString() ?? null,
      userTexts: parts.flatMap(({ text }) => text ?? []),
      toolResults: parts.flatMap(({ functionResponse: it }) =>
        it === undefined ? [] : textIn(it.response?.output ?? it.response?.error),
      ),
      toolNames: tools.flatMap((it) => it.functionDeclarations ?? []).map(({ name }) => name),
    };
  },

  stream(reply, { model }, id) {
    const chunk = (part: object) => ({ data: bodyOf([part], model, id) });
    const thought = reply.reason === undefined ? [] : [{ text: reply.reason, thought: true }];
    const parts = 'use' in reply ? [callOf(reply.use)] : piecesOf(reply.say).map(textPart);
    const end = { data: { ...bodyOf([textPart('')], model, id, 'STOP'), usageMetadata: usage() } };
    return [...thought.map(chunk), ...withHold(parts.map(chunk)), end];
  },

  whole(reply, { path }, id) {
    if (path.endsWith(':streamGenerateContent')) return null;
    return { ...bodyOf(textsOf(reply), '', id, 'STOP'), usageMetadata: usage() };
  },

  refusal(status) {
    const { message } = refusalOf(status);
    return { error: { code: status, message, status: STATUS_NAMES[status] ?? 'UNKNOWN' } };
  },
};

function bodyOf(parts: object[], modelVersion: string, responseId: string, finishReason?: string) {
  const content = { role: 'model', parts };
  return { candidates: [{ content, finishReason, index: 0 }], modelVersion, responseId };
}

function textsOf(reply: Reply): object[] {
  return 'use' in reply ? [] : piecesOf(reply.say).map(textPart);
}

function textPart(text: string): object {
  return { text };
}

function callOf(use: ToolUse): object {
  const [name, args] = toolOf(use);
  return { functionCall: { name, args } };
}

function toolOf(use: ToolUse): [string, object] {
  if ('tool' in use) return [use.tool, use.args];
  return 'shell' in use
    ? ['run_shell_command', { command: use.shell, description: 'Run a command' }]
    : ['write_file', { file_path: use.write, content: use.content }];
}

function usage() {
  return {
    promptTokenCount: USAGE.input,
    cachedContentTokenCount: USAGE.cached,
    candidatesTokenCount: USAGE.output - USAGE.reasoning,
    thoughtsTokenCount: USAGE.reasoning,
    totalTokenCount: USAGE.input + USAGE.output,
  };
}
