// The door of redis.
export { RedisConnection, RedisScript } from "./redis-connection.ts";
