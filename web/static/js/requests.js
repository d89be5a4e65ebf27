// What goes into one request of an upload: a batch of small files, or a part of a large one. See web/api/uploads.py.
"use strict";

const BATCH_FILES = 40, BATCH_BYTES = 8 << 20; // one request; a lost connection costs one
const PART_BYTES = 8 << 20;
const LARGE_BYTES = 2 * PART_BYTES; // a file that is larger goes in parts

const isLarge = ({ file }) => file.size > LARGE_BYTES;

// The next files of one request; an archive goes alone, and so does a large file.
function takeBatch(queue) {
  const batch = [];
  let bytes = 0;
  while (queue.length && batch.length < BATCH_FILES) {
    const [entry] = queue;
    if (batch.length && (entry.archive || batch[0].archive || bytes + entry.file.size > BATCH_BYTES)) break;
    bytes += entry.file.size;
    batch.push(queue.shift());
  }
  return batch;
}

function inOneRequest({ number }, batch) {
  const body = new FormData();
  body.append("sender", number);
  body.append("positions", batch.map((entry) => entry.position).join(","));
  for (const entry of batch) body.append("files", entry.file, entry.name);
  return body;
}

// Sends a large file: its parts that the server does not have, known by their SHA-256, and then has it put together.
async function sendInParts(sender, entry) {
  const { size } = entry.file;
  const there = new Set((await sender.call("GET", `/${sender.id}/parts`)).parts.map(({ sha256 }) => sha256));
  const parts = [];
  for (let at = 0; at < size && !sender.stopped; at += PART_BYTES) {
    const part = entry.file.slice(at, at + PART_BYTES);
    let digest;
    try {
      digest = await sha256Of(part);
    } catch {
      sender.lose(entry);
      throw new Refused(0);
    }
    entry.from = at / size;
    entry.span = part.size / size;
    if (!there.has(digest)) {
      const body = new FormData();
      body.append("files", part, "part");
      await sender.call("POST", `/${sender.id}/parts`, body, [entry]);
      there.add(digest);
      sender.moved.push([performance.now(), part.size]);
    }
    entry.share = entry.from + entry.span;
    parts.push(digest);
    sender.tell();
  }
  const { position, name } = entry;
  try {
    await sender.call("POST", `/${sender.id}/join`, { position, name, parts, sender: sender.number });
  } catch (error) {
    // Another file of the same bytes took the parts with it: they are sent once more.
    if (error.code !== "upload_incomplete" || entry.again) throw error;
    entry.again = true;
    await sendInParts(sender, entry);
  }
}
