// What was dropped onto a page.
"use strict";

// A folder's files, with their folders in the name; at most a hundred come from a reader at a time.
async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => { entry.file(resolve, reject); });
    found.push({ file, name: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const inside = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!inside.length) return;
    for (const inner of inside) await walk(inner, found);
  }
}
