import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

import { OdooError } from './errors.js';
import type { Call } from './types.js';

/** What a callback answers to let the call run. */
export const PASS: unique symbol = Symbol.for('wiredoo.pass') as never;

/** Answers a call in the place of the server; undefined is null. */
export type Callback = (call: Call) => unknown;

const callbacks = new Map<string, Callback>();
let listening: Promise<string> | undefined;

/** The URL at which a function of this process is asked. */
export async function serve(callback: Callback): Promise<string> {
  const path = `/${randomUUID()}`;
  callbacks.set(path, callback);
  return (await (listening ??= listen())) + path;
}

/** Forgets a function. */
export function forget(url: string): void {
  callbacks.delete(new URL(url).pathname);
}

function listen(): Promise<string> {
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => (body += part));
    request.on('end', async () => {
      const answer = await answered(callbacks.get(request.url ?? ''), body);
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
    });
  });
  // Neither the server nor a connection keeps the process alive.
  server.on('connection', (socket) => socket.unref());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      server.unref();
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
  });
}

async function answered(callback: Callback | undefined, body: string): Promise<string> {
  const failed = (message: string) => JSON.stringify({ error: 'user_error', message });
  if (!callback) return failed('The stub that answered this call is gone.');
  try {
    const answer = await callback(JSON.parse(body) as Call);
    return JSON.stringify(answer === PASS ? { pass: true } : { answer: answer ?? null });
  } catch (error) {
    if (error instanceof OdooError) {
      return JSON.stringify({ error: error.kind, ...(error.message ? { message: error.message } : {}) });
    }
    return failed(`The function of a stub failed: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
