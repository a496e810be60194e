// The door of redis.
export { RedisConnection } from "./redis-connection.ts";
