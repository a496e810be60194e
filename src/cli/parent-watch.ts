// The tie to bin/charter.cjs: when the launcher dies, however it dies, this process dies with it. The launcher holds one end of
// a pipe; it ends when the launcher does, `kill -9` included, and nothing else can end it.
import { Socket } from "node:net";

/** Watches the pipe; ends this process at once, as if killed, when the launcher is gone. Keeps no process alive by itself. */
export function holdTether(fd: number): void {
  const die = (): void => void process.kill(process.pid, "SIGKILL");
  const pipe = new Socket({ fd, readable: true, writable: false });
  pipe.on("end", die).on("error", die).on("close", die).resume();
  pipe.unref();
}
