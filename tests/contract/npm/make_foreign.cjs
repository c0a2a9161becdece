// Write payloads as npm sparkplug-payload and sparkplug-client make them into ../golden/foreign:
// NAME.hex, and NAME.json with topic, maker and what was given to the package (`sent`).
// Run with NODE_PATH pointing at the node_modules of this folder's package-lock.json.
"use strict";
const fs = require("fs");
const path = require("path");
const payloads = require("sparkplug-payload").get("spBv1.0");
const NOW = 1760000060000;
const folder = path.join(__dirname, "..", "golden", "foreign");
fs.mkdirSync(folder, { recursive: true });

function write(name, topic, maker, bytes, sent) {
  const hex = Buffer.from(bytes).toString("hex");
  fs.writeFileSync(path.join(folder, name + ".hex"), hex.replace(/(.{96})/g, "$1\n").trimEnd() + "\n");
  const plain = JSON.stringify({ topic, maker, sent }, (key, value) => {
    if (value && value.type === "Buffer") return { hex: Buffer.from(value.data).toString("hex") };
    return typeof value === "number" && !Number.isFinite(value) ? { float: String(value).replace("Infinity", "inf") } : value;
  }, 1);
  fs.writeFileSync(path.join(folder, name + ".json"), plain + "\n");
}

function metric(name, type, value, more) {
  return Object.assign({ name, type, value, timestamp: NOW }, more);
}

const everyType = [
  metric("Int8", "Int8", -128), metric("Int8 max", "Int8", 127),
  metric("Int16", "Int16", -32768), metric("Int32", "Int32", -2147483648),
  metric("Int64", "Int64", -9007199254740991),
  metric("UInt8", "UInt8", 255), metric("UInt16", "UInt16", 65535), metric("UInt32", "UInt32", 4294967295),
  metric("UInt64", "UInt64", 9007199254740991), metric("DateTime", "DateTime", NOW),
  metric("Float", "Float", 2.5), metric("Float infinite", "Float", Infinity), metric("Double", "Double", 0.1),
  metric("Boolean", "Boolean", true), metric("String", "String", "Lagerschaden 泵"), metric("Text", "Text", ""),
  metric("UUID", "UUID", "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11"),
  metric("Bytes", "Bytes", Buffer.from([0, 1, 254, 255])), metric("null", "Float", null),
];
const everyTypeSent = { timestamp: NOW, seq: 3, metrics: everyType };
write("payload-every-type", "spBv1.0/plant/DDATA/foreign-1/press-1", "sparkplug-payload 1.0.3",
  payloads.encodePayload(everyTypeSent), everyTypeSent);

const rich = {
  timestamp: NOW, seq: 1, metrics: [
    metric("pressure", "Float", 4.25, {
      alias: 12, properties: {
        engUnit: { type: "String", value: "bar" }, Quality: { type: "Int32", value: 192 },
        low: { type: "Double", value: -0.5 },
        limits: { type: "PropertySet", value: { high: { type: "Int16", value: -3 } } },
      },
    }),
    metric("table", "DataSet", {
      numOfColumns: 3, columns: ["name", "count", "share"], types: ["String", "UInt32", "Double"],
      rows: [["a", 1, 0.5], ["b", 4000000000, -1.5]],
    }),
    metric("motor", "Template", {
      version: "1", templateRef: "motor", isDefinition: false,
      metrics: [metric("rpm", "Int32", -1480)], parameters: [{ name: "poles", type: "UInt32", value: 4 }],
    }),
    metric("manual", "File", Buffer.from("%PDF"), {
      isTransient: true, metadata: { contentType: "application/pdf", size: 4, fileName: "manual.pdf" },
    }),
    metric("late", "Double", 1.5, { isHistorical: true }),
  ],
};
write("payload-rich", "spBv1.0/plant/DBIRTH/foreign-1/press-1", "sparkplug-payload 1.0.3",
  payloads.encodePayload(rich), rich);
const command = { timestamp: NOW, metrics: [metric("Node Control/Rebirth", "Boolean", true)] };
write("payload-ncmd", "spBv1.0/plant/NCMD/foreign-1", "sparkplug-payload 1.0.3", payloads.encodePayload(command), command);
const toDevice = { timestamp: NOW, metrics: [metric("setpoint", "Int16", -40)] };
write("payload-dcmd", "spBv1.0/plant/DCMD/foreign-1/press-1", "sparkplug-payload 1.0.3",
  payloads.encodePayload(toDevice), toDevice);

// sparkplug-client as a live edge node would publish; its socket is replaced, its clock stands still.
Date.prototype.getTime = () => NOW;
const clients = require("sparkplug-client");
const client = clients.newClient({
  serverUrl: "mqtt://127.0.0.1:1", username: "u", password: "p", groupId: "plant", edgeNode: "foreign-1",
  clientId: "foreign-1", version: "spBv1.0", publishDeath: true, mqttOptions: { reconnectPeriod: 0 },
});
client.on("error", () => {});
const real = client.client;
let name = "";
let sent = null;
client.client = {
  publish: (topic, bytes) => write(name, topic, "sparkplug-client 3.2.4", bytes, sent),
};
function publish(as, payload, send) {
  name = as;
  sent = payload;
  send(payload);
}
publish("client-nbirth", {
  timestamp: NOW, metrics: [metric("Node Control/Rebirth", "Boolean", false), metric("temperature", "Double", 21.5)],
}, (payload) => client.publishNodeBirth(payload));
publish("client-dbirth", { timestamp: NOW, metrics: [metric("level", "Int32", -7), metric("fast", "UInt32", 3)] },
  (payload) => client.publishDeviceBirth("press-1", payload));
publish("client-ndata", { timestamp: NOW, metrics: [metric("temperature", "Double", 21.75)] },
  (payload) => client.publishNodeData(payload));
publish("client-ddata", { timestamp: NOW, metrics: [metric("level", "Int32", -8)] },
  (payload) => client.publishDeviceData("press-1", payload));
publish("client-ddata-compressed", { timestamp: NOW, metrics: [metric("level", "Int32", -9)] },
  (payload) => client.publishDeviceData("press-1", payload, { compress: true }));
publish("client-ddeath", { timestamp: NOW }, (payload) => client.publishDeviceDeath("press-1", payload));
publish("client-ndeath", null, () => client.stop && client.publishNDeath(client.client));
real.end(true);
process.exit(0);
