// In the middle of stage 8, for a call whose caller does not wait for the answer: it learns here that the call was let in. What
// would refuse the call has been asked by now, there is room in the budgets, and no provider has been asked.
import { stampOf } from "../call-session.ts";
import type { CallSession } from "../call-session.ts";
import { headOf } from "./settle.ts";

/** Tells who asked for it, when the intent is durable. @throws What that one has against the call. */
export async function admit(session: CallSession): Promise<void> {
  await session.prepared.options.admitted?.({
    facts: await headOf(session, null),
    call: session.call,
    stamp: stampOf(session),
  });
}
