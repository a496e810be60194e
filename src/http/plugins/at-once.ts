// Hooks that seldom wait. As async functions each would cost every request a promise and a turn of the queue.
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from "fastify";

/** A hook out of a check that answers at once, or with a promise where it has to wait; what it throws refuses the request. */
export function atOnce(check: (request: FastifyRequest, reply: FastifyReply) => void | Promise<void>) {
  return (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
    try {
      const waiting = check(request, reply);
      if (waiting !== undefined) return void waiting.then(() => done(), done);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  };
}
