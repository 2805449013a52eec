// What passed, what failed and what the tests wrote: nothing that depends on time.
export default async function* report(events) {
  for await (const { type, data } of events) {
    if (type === "test:stdout") yield data.message;
    if (type === "test:pass") yield `ok ${data.name}\n`;
    if (type === "test:fail") yield `not ok ${data.name}: ${data.details.error.cause ?? data.details.error}\n`;
  }
}
