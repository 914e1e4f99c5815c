import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { WiredooError } from './errors.js';

/** What a server says when it accepts connections. */
export interface Ready {
  url: string;
  db: string;
  series: string;
  pid: number;
}

/** How much of what a server logs is kept to tell why it failed. */
const KEPT = 8192;

const running = new Set<ChildProcess>();
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A server that this process has started. */
export class Child {
  readonly #process: ChildProcess;
  readonly #gone: Promise<void>;

  private constructor(child: ChildProcess) {
    this.#process = child;
    this.#gone = new Promise((resolve) => child.once('exit', () => resolve()));
  }

  /** Starts the program, and waits until it is ready. */
  static async start(
    program: string,
    args: string[],
    env: NodeJS.ProcessEnv,
    options: { log: boolean; timeoutMs: number },
  ): Promise<{ child: Child; ready: Ready }> {
    const process = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
    keep(process);
    const child = new Child(process);
    try {
      const ready = await readiness(process, options);
      for (const part of [process, process.stdout, process.stderr]) (part as { unref?(): void } | null)?.unref?.();
      return { child, ready };
    } catch (error) {
      process.kill('SIGKILL');
      const message = `${program} ${args.join(' ')}: ${(error as Error).message}`;
      throw new WiredooError(message, { cause: error });
    }
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.ref();
    this.#process.kill('SIGTERM');
    const patience = setTimeout(() => this.#process.kill('SIGKILL'), 7000);
    await this.#gone;
    clearTimeout(patience);
  }
}

function readiness(child: ChildProcess, { log, timeoutMs }: { log: boolean; timeoutMs: number }): Promise<Ready> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    if (log) process.stderr.write(part);
    said = (said + part).slice(-KEPT);
  });
  return new Promise((resolve, reject) => {
    const patience = setTimeout(() => reject(new Error(`not ready after ${timeoutMs} ms\n${said}`)), timeoutMs);
    const settle = <T>(how: (value: T) => void) => (value: T) => {
      clearTimeout(patience);
      how(value);
    };
    child.once('error', settle(reject));
    // After 'exit' there may be more to read; after 'close' there is not.
    child.once('close', (code, signal) => {
      settle(reject)(new Error(`it ended with ${signal ?? `status ${code}`} before it was ready\n${said.trim()}`));
    });
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const ready = parsed(line);
      if (ready) settle(resolve)(ready);
    });
  });
}

function parsed(line: string): Ready | undefined {
  try {
    const said = JSON.parse(line) as Ready & { ready?: boolean };
    return said.ready === true ? said : undefined;
  } catch {
    return undefined;
  }
}

/** Sees to it that a server does not outlive this process. */
function keep(child: ChildProcess): void {
  if (running.size === 0) {
    process.on('exit', killAll);
    for (const signal of SIGNALS) process.on(signal, endBy);
  }
  running.add(child);
  const forget = () => {
    running.delete(child);
    if (running.size === 0) {
      process.off('exit', killAll);
      for (const signal of SIGNALS) process.off(signal, endBy);
    }
  };
  child.once('exit', forget);
  child.once('error', forget);
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** A signal that nobody else listens to ends the process, as if nobody did. */
function endBy(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  killAll();
  process.off(signal, endBy);
  process.kill(process.pid, signal);
}
