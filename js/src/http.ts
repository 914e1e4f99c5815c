import http from 'node:http';
import https from 'node:https';

import { WiredooError } from './errors.js';

interface Body {
  type: string;
  content: string;
}

/**
 * The client of `/__wiredoo/…`. It uses neither `fetch` nor timers, since tests replace both, and connections that
 * keep no process alive.
 */
export class Api {
  readonly #origin: URL;
  readonly #token: string | undefined;
  readonly #agent: http.Agent;

  constructor(url: string, token?: string) {
    this.#origin = new URL(url);
    this.#token = token;
    const kind = this.#origin.protocol === 'https:' ? https : http;
    this.#agent = new kind.Agent({ keepAlive: true });
  }

  async get<T>(path: string, query?: Record<string, unknown>): Promise<T> {
    return JSON.parse(await this.text('GET', path, query)) as T;
  }

  async send<T>(method: string, path: string, body?: unknown, query?: Record<string, unknown>): Promise<T> {
    const sent = body === undefined ? undefined : { type: 'application/json', content: JSON.stringify(body) };
    const text = await this.text(method, path, query, sent);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  async text(method: string, path: string, query: Record<string, unknown> = {}, body?: Body): Promise<string> {
    return this.#exchange(method, `/__wiredoo${path}${questions(query)}`, body);
  }

  /** Posts to a path of the server itself. */
  async post<T>(path: string, body: unknown): Promise<T> {
    const text = await this.#exchange('POST', path, { type: 'application/json', content: JSON.stringify(body) });
    return JSON.parse(text) as T;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #exchange(method: string, path: string, body: Body | undefined): Promise<string> {
    const { status, text } = await this.#once(method, path, body);
    if (status < 400) return text;
    let refusal: { message?: string; at?: string | null } = {};
    try {
      refusal = (JSON.parse(text) as { error: typeof refusal }).error;
    } catch {
      // An answer that is not the double's.
    }
    const at = refusal.at ?? undefined;
    const reason = refusal.message ?? `${method} ${path} was answered with status ${status}: ${text.slice(0, 200)}`;
    const hint = status === 404 && !refusal.message ? ' (is the server a test double? start it with --double)' : '';
    throw new WiredooError(at === undefined ? reason + hint : `${at}: ${reason}`, { status, at });
  }

  #once(method: string, path: string, body: Body | undefined): Promise<{ status: number; text: string }> {
    const headers: http.OutgoingHttpHeaders = {};
    if (this.#token !== undefined) headers['authorization'] = `Bearer ${this.#token}`;
    if (body) {
      headers['content-type'] = body.type;
      headers['content-length'] = Buffer.byteLength(body.content);
    }
    const { protocol, hostname, port } = this.#origin;
    const kind = protocol === 'https:' ? https : http;
    const options = { method, path, headers, agent: this.#agent, hostname: hostname.replace(/^\[|\]$/g, ''), port };
    return new Promise((resolve, reject) => {
      const request = kind.request(options, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', fail);
      });
      const fail = (cause: NodeJS.ErrnoException) => {
        // The server may close a connection in the moment in which it is used again; then it has read nothing.
        if (request.reusedSocket && cause.code === 'ECONNRESET') resolve(this.#once(method, path, body));
        else reject(new WiredooError(`${this.#origin.origin} cannot be reached: ${cause.message}`, { cause }));
      };
      request.on('error', fail);
      request.end(body?.content);
    });
  }
}

function questions(query: Record<string, unknown>): string {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) said.set(name, String(value));
  return said.toString() === '' ? '' : `?${said}`;
}
