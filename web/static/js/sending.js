// Sends files to the server in batches, and goes on after whatever stops it: a lost connection, a busy server, a pause, a
// reload. Each file is offered by its SHA-256 first; what the server has is not sent. See web/api/uploads.py.
"use strict";

const OFFER_FILES = 100;
const AT_ONCE = 2; // requests with photos
const LONGEST_WAIT = 30; // seconds between two attempts
const WHOLE = new Set(["upload_gone", "upload_taken_over", "upload_too_large", "too_many_files"]); // of the upload, not of a file

class Refused extends Error {
  // `tooLarge`: the words for a size that the server did not refuse itself, for then it says so.
  constructor(status, document, tooLarge) {
    super(document?.detail || (status === 413 && tooLarge) || "");
    this.status = status;
    this.code = document?.code || "";
  }
}

class Sender {
  // `entries`: {file, name, archive}; they get `state`: waiting, known (the server has it), sending, sent, lost or failed.
  // `tell` is called with nothing whenever something has changed; `ask`: {api, token, wish, tooLarge}.
  constructor(entries, ask, tell) {
    this.entries = entries;
    this.ask = ask;
    this.tell = tell;
    this.id = null;
    this.number = 0; // 0 began the upload; whoever continues it is given another number
    this.next = 0; // position of the next new file
    this.stopped = false;
    this.paused = false;
    this.trouble = ""; // why nothing moves: "", offline or busy
    this.told = ""; // the server's words for it
    this.open = new Set(); // requests
    this.before = null; // see `arrived`
    this.moved = []; // [time, bytes done] of the last half minute
    for (const entry of entries) Object.assign(entry, { state: "waiting", sha256: "", position: null });
  }

  // Resolves to the job's id, or to null where it was stopped or some files failed; rejects with Refused.
  async run(resumed) {
    this.id = resumed?.id || (await this.call("POST", "", this.ask.wish)).id;
    this.tell();
    for (let again = Boolean(resumed); ; again = true) {
      this.before = again ? await this.arrived() : null;
      await this.sendAll(this.before);
      if (this.stopped || this.entries.some((entry) => entry.state === "failed")) return null;
      try {
        return await this.finish();
      } catch (error) {
        // The server lost some of what it had: all is compared once more.
        if (error.code !== "upload_incomplete" || this.compared) throw error;
        this.compared = true;
        for (const entry of this.entries) if (entry.state !== "lost") entry.state = "waiting";
      }
    }
  }

  // What came before the page was loaded again: "name\nsha256" → positions. What comes later of what that page sent is
  // refused: here its files get positions of their own.
  async arrived() {
    const found = new Map();
    const { sender, files } = await this.call("POST", `/${this.id}/resume`);
    this.number = sender;
    for (const { position, name, sha256 } of files) {
      const key = `${name}\n${sha256}`;
      found.set(key, [...(found.get(key) || []), position]);
      this.next = Math.max(this.next, position + 1);
    }
    return found;
  }

  async sendAll(arrived) {
    const waiting = this.entries.filter((entry) => entry.state === "waiting");
    const queue = []; // offered, and not known
    let offering = true, wake = () => {};
    const offer = async () => {
      for (let at = 0; at < waiting.length && !this.stopped; at += OFFER_FILES) {
        queue.push(...await this.offer(waiting.slice(at, at + OFFER_FILES), arrived));
        wake();
      }
    };
    const carry = async () => {
      while (!this.stopped && (queue.length || offering)) {
        const batch = takeBatch(queue);
        if (batch.length) await this.send(batch);
        else await new Promise((resolve) => { const before = wake; wake = () => { before(); resolve(); }; });
      }
    };
    try {
      await Promise.all([offer().finally(() => { offering = false; wake(); }), ...Array.from({ length: AT_ONCE }, carry)]);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  // Where the server keeps a cleaned name: positions of the same bytes under a name that none of the files has.
  renamed(arrived, { sha256 }) {
    const names = new Set(this.entries.map(({ name }) => name));
    for (const [key, positions] of arrived) {
      const [name, bytes] = key.split("\n");
      if (bytes === sha256 && positions.length && !names.has(name)) return positions;
    }
    return undefined;
  }

  // Returns the files that have to be sent.
  async offer(entries, arrived) {
    const offered = [];
    const send = [];
    for (const entry of entries) {
      if (this.stopped) return [];
      await this.going();
      try {
        if (!entry.archive || arrived) entry.sha256 ||= await sha256Of(entry.file);
      } catch {
        this.lose(entry);
        continue;
      }
      const before = (arrived?.get(`${entry.name}\n${entry.sha256}`) || (arrived && this.renamed(arrived, entry)))?.shift();
      if (before !== undefined) {
        entry.position = before;
        this.done(entry, "known");
        continue;
      }
      entry.position ??= this.next++;
      (entry.archive ? send : offered).push(entry);
    }
    if (offered.length) {
      const files = offered.map(({ position, name, sha256, file }) => ({ position, name, sha256, size: file.size }));
      const missing = new Set((await this.call("POST", `/${this.id}/offer`, { files, sender: this.number })).missing);
      for (const entry of offered) {
        if (missing.has(entry.position)) send.push(entry); else this.done(entry, "known");
      }
    }
    return send;
  }

  async send(batch) {
    await this.going();
    if (this.stopped) return;
    try {
      if (batch.some(isLarge)) await sendInParts(this, batch[0]);
      else await this.call("POST", `/${this.id}/photos`, inOneRequest(this, batch), batch);
      for (const entry of batch) this.done(entry, "sent");
    } catch (error) {
      if (this.stopped) return;
      const left = batch.filter((entry) => entry.state !== "lost");
      if (left.length < batch.length) {
        // A file that went away in the middle breaks the connection: the others are sent again.
        if (left.length) await this.send(left);
      } else if (!(error instanceof Refused) || WHOLE.has(error.code) || [401, 403].includes(error.status)) {
        throw error;
      } else if (batch.length > 1) {
        for (const entry of batch) await this.send([entry]);
      } else {
        Object.assign(batch[0], { state: "failed", why: error.message });
        this.tell();
      }
    }
  }

  // What arrived before and was not chosen again belongs to the upload, too.
  async finish() {
    const earlier = [...(this.before?.values() || [])].reduce((sum, positions) => sum + positions.length, 0);
    const files = earlier + this.entries.filter(({ state }) => state === "sent" || state === "known").length;
    return files ? (await this.call("POST", `/${this.id}/finish`, { files })).id : null;
  }

  // One request, repeated until it is answered. `batch`: the entries whose files are in it.
  async call(method, path, body, batch) {
    for (let attempt = 0; ; attempt += 1) {
      await this.going();
      if (this.stopped) throw new Refused(0);
      for (const entry of batch || []) entry.state = "sending";
      if (batch) this.tell();
      const answer = await this.request(method, this.ask.api + path, body, batch);
      for (const entry of batch || []) entry.state = "waiting";
      if (answer.status >= 200 && answer.status < 300) {
        this.trouble = "";
        return answer.document;
      }
      const busy = [408, 429, 502, 503, 504].includes(answer.status);
      if (answer.status && !busy) throw new Refused(answer.status, answer.document, this.ask.tooLarge);
      if (this.stopped) throw new Refused(0);
      if (this.paused) continue;
      if (batch && await this.loseUnreadable(batch)) throw new Refused(0);
      this.trouble = busy ? "busy" : "offline";
      this.told = answer.document?.detail || "";
      this.tell();
      await this.rest(answer.retryAfter || Math.min(2 ** attempt, LONGEST_WAIT) * (0.75 + Math.random() / 2));
    }
  }

  request(method, address, body, batch) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      const size = batch?.reduce((sum, entry) => sum + entry.file.size, 0);
      request.open(method, address);
      if (this.ask.token) request.setRequestHeader("X-CSRF-Token", this.ask.token);
      if (body && !(body instanceof FormData)) request.setRequestHeader("Content-Type", "application/json");
      request.responseType = "json";
      if (batch) {
        request.upload.addEventListener("progress", (event) => {
          const share = event.lengthComputable ? event.loaded / event.total : 0;
          for (const entry of batch) entry.share = (entry.from || 0) + share * (entry.span ?? 1);
          if (size) this.tell();
        });
      }
      request.addEventListener("loadend", () => {
        this.open.delete(request);
        for (const entry of batch || []) entry.share = entry.from || 0;
        const after = Number(request.getResponseHeader("Retry-After"));
        resolve({ status: request.status, document: request.response, retryAfter: after > 0 ? after : 0 });
      });
      this.open.add(request);
      request.send(body && !(body instanceof FormData) ? JSON.stringify(body) : body);
    });
  }

  // Waits at most so many seconds; the network's return, a pause and a stop end it.
  rest(seconds) {
    return new Promise((resolve) => {
      const end = () => { clearTimeout(timer); removeEventListener("online", end); this.wake = null; resolve(); };
      const timer = setTimeout(end, seconds * 1000);
      addEventListener("online", end);
      this.wake = end;
    });
  }

  // Waits while it is paused.
  async going() {
    while (this.paused && !this.stopped) await new Promise((resolve) => { this.resumed = [...(this.resumed || []), resolve]; });
  }

  pause(paused) {
    this.paused = paused;
    if (paused) for (const request of this.open) request.abort();
    this.wake?.();
    for (const resolve of this.resumed || []) resolve();
    this.resumed = [];
    this.trouble = "";
    this.moved = [];
    this.tell();
  }

  stop() {
    this.stopped = true;
    this.pause(false);
    for (const request of this.open) request.abort();
  }

  done(entry, state) {
    entry.state = state;
    this.moved.push([performance.now(), state === "sent" && !isLarge(entry) ? entry.file.size : 0]);
    this.tell();
  }

  lose(entry) {
    entry.state = "lost";
    this.tell();
  }

  async loseUnreadable(batch) {
    let lost = false;
    for (const entry of batch) {
      try {
        await entry.file.slice(0, 1).arrayBuffer();
      } catch {
        lost = true;
        this.lose(entry);
      }
    }
    return lost;
  }

  // Photos and bytes: {done, all, doneBytes, allBytes, seconds}; `seconds` left, null where nobody knows.
  progress() {
    const counted = this.entries.filter((entry) => entry.state !== "lost");
    const over = (entry) => entry.state === "sent" || entry.state === "known";
    const size = (list) => list.reduce((sum, entry) => sum + entry.file.size, 0);
    const ended = counted.filter(over);
    const doneBytes = size(ended) + counted.reduce((sum, entry) => sum + (over(entry) ? 0 : (entry.share || 0) * entry.file.size), 0);
    const allBytes = size(counted);
    const now = performance.now();
    this.moved = this.moved.filter(([at]) => at > now - 30_000);
    const span = this.moved.length > 1 ? (now - this.moved[0][0]) / 1000 : 0;
    const speed = span > 2 ? this.moved.slice(1).reduce((sum, [, bytes]) => sum + bytes, 0) / span : 0;
    return { done: ended.length, all: counted.length, doneBytes, allBytes, seconds: speed ? (allBytes - doneBytes) / speed : null };
  }
}
