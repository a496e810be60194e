// Connections in memory: HTTP as Node speaks it, without a socket. What one end writes arrives at the other in an event of that
// end's program. A connection may be refused, be reset, or stand still; bytes are not lost and do not change places, as in TCP.
import { syncBuiltinESMExports } from "node:module";
import net, { Server } from "node:net";
import type { ListenOptions } from "node:net";
import { Duplex } from "node:stream";
import { systemError } from "./disk-nodes.ts";
import { now } from "./doors-time.ts";
import type { Random } from "./random.ts";
import type { Program } from "./timeline.ts";

/** Longest that a piece is under way, milliseconds. */
const slowestMs = 2;

interface Listener {
  readonly server: Server;
  readonly program: Program;
}

/** Who listens where. */
export class Network {
  readonly #listeners = new Map<number, Listener>();
  readonly #chance: Random;
  #nextPort = 20_000;

  constructor(chance: Random) {
    this.#chance = chance;
  }

  listen(server: Server, wanted: number): number {
    const port = wanted === 0 ? this.#nextPort++ : wanted;
    const program = now().timeline.current;
    this.#listeners.set(port, { server, program });
    return port;
  }

  close(port: number): void {
    this.#listeners.delete(port);
  }

  /** One end of a new connection to a port; the other is its listener's. */
  connect(port: number): End {
    const { timeline } = now();
    const near = new End(timeline.current, this.#chance, port);
    timeline.soon(0.05, slowestMs, () => {
      const listener = this.#listeners.get(port);
      if (near.destroyed) return;
      if (listener?.program.isAlive !== true) {
        near.destroy(systemError("ECONNREFUSED", `port ${port}`));
        return;
      }
      const far = new End(listener.program, this.#chance, port);
      near.join(far);
      timeline.at(0, () => accept(listener.server, far), listener.program);
      near.emit("connect");
    });
    return near;
  }
}

function accept(server: Server, end: End): void {
  Object.assign(server, { _connections: connectionsOf(server) + 1 });
  end.once("close", () => {
    Object.assign(server, { _connections: connectionsOf(server) - 1 });
    (server as unknown as { _emitCloseIfDrained(): void })._emitCloseIfDrained();
  });
  server.emit("connection", end);
}

const connectionsOf = (server: Server): number => (server as unknown as { _connections: number })._connections;

/** One end of a connection, as much of a socket as Node's HTTP and undici ask for. */
export class End extends Duplex {
  readonly remoteAddress = "127.0.0.1";
  readonly remotePort: number;
  readonly remoteFamily = "IPv4";
  readonly localAddress = "127.0.0.1";
  bytesRead = 0;
  bytesWritten = 0;
  readonly #program: Program;
  readonly #chance: Random;
  #peer: End | undefined;
  /** A write of the other end that waits until this one reads. */
  #held: (() => void) | undefined;
  #wants = false;
  #timeoutMs = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Set by a fault: nothing that is written from here arrives any more. */
  isStalled = false;

  constructor(program: Program, chance: Random, port: number) {
    super({ allowHalfOpen: true });
    this.#program = program;
    this.#chance = chance;
    this.remotePort = port;
    const cut = (): void => this.#resetPeer();
    program.atKill.add(cut);
    this.once("close", () => {
      program.atKill.delete(cut);
      clearTimeout(this.#timer);
    });
  }

  join(peer: End): void {
    this.#peer = peer;
    peer.#peer = this;
    this.#flushEarly();
  }

  /** What was written before there was another end. */
  #early: (() => void)[] = [];

  #flushEarly(): void {
    for (const act of this.#early.splice(0)) act();
  }

  #withPeer(act: (peer: End) => void): void {
    const peer = this.#peer;
    if (peer === undefined) this.#early.push(() => this.#withPeer(act));
    else if (!this.isStalled) now().timeline.at(this.#chance.between(0.01, slowestMs), () => act(peer), peer.#program);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    // Nothing that a killed program goes on to say is heard.
    if (!this.#program.isAlive) return;
    this.bytesWritten += chunk.length;
    this.#stir();
    const own = (act: () => void): void => void now().timeline.at(0, act, this.#program);
    this.#withPeer((peer) => {
      if (peer.destroyed) return own(() => this.destroy(systemError("ECONNRESET", "connection")));
      const deliver = (): void => {
        peer.#wants = false;
        peer.bytesRead += chunk.length;
        peer.#stir();
        own(() => done());
        peer.push(chunk);
      };
      if (peer.#wants) deliver();
      else peer.#held = deliver;
    });
  }

  override _read(): void {
    this.#wants = true;
    const held = this.#held;
    this.#held = undefined;
    held?.();
  }

  override _final(done: () => void): void {
    this.#withPeer((peer) => {
      if (!peer.destroyed) peer.push(null);
    });
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (error !== null || !this.writableFinished) this.#resetPeer();
    done(error);
  }

  #resetPeer(): void {
    this.#withPeer((peer) => void peer.destroy(systemError("ECONNRESET", "connection")));
  }

  /** Cuts the connection for both ends, as a network does. */
  cut(): void {
    const { timeline } = now();
    for (const end of [this, this.#peer]) {
      if (end !== undefined)
        timeline.at(0, () => void end.destroy(systemError("ECONNRESET", "connection")), end.#program);
    }
  }

  destroySoon(): void {
    this.end(() => this.destroy());
  }

  #stir(): void {
    if (this.#timeoutMs > 0) this.setTimeout(this.#timeoutMs);
  }

  setTimeout(ms: number, act?: () => void): this {
    clearTimeout(this.#timer);
    this.#timeoutMs = ms;
    if (act !== undefined) this.once("timeout", act);
    if (ms > 0 && !this.destroyed) this.#timer = setTimeout(() => this.emit("timeout"), ms);
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

let network: Network | undefined;

/** Lets the doors lead to a network. */
export function enterNetwork(simulated: Network): void {
  network = simulated;
}

/** Gives servers and clients in this process the simulated network. */
export function openNetworkDoors(): void {
  const connect = (terms: { readonly port: number | string }): End => {
    if (network === undefined) throw new Error("no network is simulated");
    return network.connect(Number(terms.port));
  };
  Object.assign(net, { connect, createConnection: connect });
  Server.prototype.listen = function listen(this: Server, ...args: unknown[]): Server {
    const [terms, told] = args as [ListenOptions, (() => void)?];
    const at = network;
    if (at === undefined) throw new Error("no network is simulated");
    const port = at.listen(this, terms.port ?? 0);
    const handle = {
      close: () => at.close(port),
      getsockname: (out: object) => void Object.assign(out, { address: "127.0.0.1", family: "IPv4", port }),
      ref() {},
      unref() {},
    };
    Object.assign(this, { _handle: handle });
    if (told !== undefined) this.once("listening", told);
    now().timeline.at(0, () => this.emit("listening"));
    return this;
  };
  syncBuiltinESMExports();
}
