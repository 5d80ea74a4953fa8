/** A tool by what it does, for which each protocol has the CLI's own name and parameters, or by that name. */
export type ToolUse =
  { shell: string } | { write: string; content: string } | { tool: string; args: object };

/** What the model does next. */
export type ModelAnswer =
  | {
      /** One text, or the pieces in which it comes. */
      say: string | readonly string[];
      /** What it thinks before, where the protocol shows it. */
      reason?: string;
      /** After the first piece the rest waits for this. */
      hold?: Promise<void>;
    }
  | { use: ToolUse; reason?: string }
  /** Refuses by an HTTP status, with the body that the vendor has for it. */
  | { status: number }
  /** Takes the request and never answers. */
  | 'silence';

/** What a CLI has sent, in the same words for all protocols. */
export interface ModelRequest {
  model: string;
  /** A level or a number of tokens, as the CLI has sent it. */
  effort: string | number | null;
  /** The key alone, without the scheme of the header. */
  key: string | null;
  /** The texts of the user's messages, in order; a CLI may have added messages of its own. */
  userTexts: readonly string[];
  /** What the tools have given back so far, as text. */
  toolResults: readonly string[];
  toolNames: readonly string[];
  /** All of it, as it was sent. */
  body: string;
}

/** Decides the answer to a request; `number` counts from 1 within a script. */
export type Script = (request: ModelRequest, number: number) => ModelAnswer;

/** One answer after the other, the last one again and again. */
export function inTurn(...answers: readonly ModelAnswer[]): Script {
  return (_request, number) => answers[Math.min(number, answers.length) - 1]!;
}
