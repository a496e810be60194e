// Hooks that wait for nothing. As async functions each would cost every request a promise and a turn of the queue.
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from "fastify";

/** A hook out of a check that answers at once; what it throws refuses the request. */
export function atOnce(check: (request: FastifyRequest, reply: FastifyReply) => void) {
  return (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
    try {
      check(request, reply);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  };
}
