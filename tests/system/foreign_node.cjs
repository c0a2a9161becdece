// A foreign edge node, made with npm sparkplug-client: one node, one device, a temperature that keeps changing.
// Usage: node foreign_node.cjs NPM_MODULES BROKER_PORT
const [, , modules, port] = process.argv;
const { newClient } = require(`${modules}/sparkplug-client`);

const now = () => Date.now();
const client = newClient({
  serverUrl: `mqtt://127.0.0.1:${port}`,
  username: "",
  password: "",
  groupId: "foreign-plant",
  edgeNode: "press-line",
  clientId: "foreign-press-line",
  version: "spBv1.0",
});

const birth = () => {
  client.publishNodeBirth({
    timestamp: now(),
    metrics: [
      { name: "bdSeq", type: "Int64", value: 0 },
      { name: "Node Control/Rebirth", type: "Boolean", value: false },
      { name: "Firmware", type: "String", value: "4.2.1" },
    ],
  });
  client.publishDeviceBirth("oven", {
    timestamp: now(),
    metrics: [
      { name: "Temperature", type: "Float", value: 181.5, properties: { engUnit: { type: "String", value: "°C" } } },
      { name: "Door", type: "Boolean", value: false },
      { name: "Strokes", type: "Int32", value: -7 },
    ],
  });
};
client.on("birth", birth);
client.on("ncmd", (payload) => {
  if (payload.metrics.some((metric) => metric.name === "Node Control/Rebirth" && metric.value)) birth();
});

let step = 0;
setInterval(() => {
  step += 1;
  client.publishDeviceData("oven", {
    timestamp: now(),
    metrics: [{ name: "Temperature", type: "Float", value: 181.5 + step, timestamp: now() }],
  });
}, 500);
