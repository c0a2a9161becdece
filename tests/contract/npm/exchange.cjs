// Answers questions about payloads with npm sparkplug-payload: one JSON question on standard input, a JSON list out.
//   {"op": "message", "hex": …}          parse and serialise with its protobuf classes → hex
//   {"op": "payload", "hex": …}          decode and encode with its public functions (births, commands) → hex
//   {"op": "values", "hex": …, "datatypes": {alias: number}}   decode a data message, datatypes as its birth said
"use strict";
const payloads = require("sparkplug-payload").get("spBv1.0");
const Message = require("sparkplug-payload/lib/sparkplugPayloadProto").org.eclipse.tahu.protobuf.Payload;

function plain(key, value) {
  if (value && typeof value === "object" && "low" in value && "high" in value && "unsigned" in value) {
    return { long: (value.unsigned ? BigInt.asUintN(64, combined(value)) : BigInt.asIntN(64, combined(value))).toString() };
  }
  if (value && value.type === "Buffer") return { hex: Buffer.from(value.data).toString("hex") };
  return value;
}

function combined(value) {
  return (BigInt(value.high >>> 0) << 32n) | BigInt(value.low >>> 0);
}

function answer(question) {
  const bytes = Buffer.from(question.hex, "hex");
  if (question.op === "message") return Buffer.from(Message.encode(Message.decode(bytes)).finish()).toString("hex");
  if (question.op === "payload") {
    return Buffer.from(payloads.encodePayload(payloads.decodePayload(bytes))).toString("hex");
  }
  const message = Message.decode(bytes);
  for (const metric of message.metrics) metric.datatype = question.datatypes[String(metric.alias)];
  return payloads.decodePayload(Message.encode(message).finish());
}

let input = "";
process.stdin.on("data", (chunk) => { input += chunk; });
process.stdin.on("end", () => {
  process.stdout.write(JSON.stringify(JSON.parse(input).map(answer), plain));
});
