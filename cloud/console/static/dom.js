// Builds elements. Data only ever becomes text or an attribute's value, never markup: machine names come from the network.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  append(node, children);
  return node;
}

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
}

/** Return a new HTML element; an attribute that starts with "on" is a listener. */
export const element = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

/** Return a new SVG element. */
export const drawn = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

export const byId = (id) => document.getElementById(id);

/** Replace what an element holds, and take the skeleton look off it. */
export function put(node, ...children) {
  node.replaceChildren();
  append(node, children);
  delete node.dataset.skeleton;
  if (node.hasAttribute("aria-busy")) node.removeAttribute("aria-busy");
  return node;
}

/** Address of a page of ours with one id in it. */
export const pageOf = (section, id) => `/${section}/${encodeURIComponent(id)}`;

/** The id in this page's own address: everything after the section. */
export const idOfPage = (section) => decodeURIComponent(location.pathname.slice(section.length + 2));

/** Offer text as a file to save. */
export function save(name, text, type = "text/csv") {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
