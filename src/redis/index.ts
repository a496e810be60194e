// The entry point of redis.
export { RedisConnection, RedisScript } from "./redis-connection.ts";
