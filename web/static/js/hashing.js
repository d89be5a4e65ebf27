// SHA-256 of a file, in hexadecimal. Browsers have it on HTTPS and localhost only; elsewhere js-sha256 is loaded.
"use strict";

const HASH_AT_ONCE = 32 << 20; // larger files are read in pieces
const HASH_PIECE = 1 << 20;
let hasher = null;

function loadHasher() {
  hasher ||= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.getElementById("upload").dataset.hasher;
    script.addEventListener("load", () => resolve(window.sha256));
    script.addEventListener("error", () => { hasher = null; reject(new Error("sha256")); });
    document.head.append(script);
  });
  return hasher;
}

// Rejects with the browser's DOMException where the file was changed or deleted since it was chosen.
async function sha256Of(file) {
  if (crypto.subtle && file.size <= HASH_AT_ONCE) {
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  const hash = (await loadHasher()).create();
  for (let at = 0; at < file.size; at += HASH_PIECE) hash.update(await file.slice(at, at + HASH_PIECE).arrayBuffer());
  return hash.hex();
}
