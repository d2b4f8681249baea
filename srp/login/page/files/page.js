"use strict";
// The script of the login page: it hands what the server asks to the browser's
// passkeys, and their answers back. It keeps nothing and never sees a session.

const $ = (id) => document.getElementById(id);

// Octets travel as base64url without padding.
const octets = (s) => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

class Refused extends Error {}

async function post(path, message) {
  let response;
  try {
    response = await fetch("/login/" + path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(message),
      credentials: "same-origin", cache: "no-store", redirect: "error",
    });
  } catch {
    throw new Refused("The server cannot be reached.");
  }
  let answer = {};
  try { answer = await response.json(); } catch { /* not ours to read */ }
  if (!response.ok) throw new Refused(answer.error || "The server refused this.");
  return answer;
}

const known = (list) => (list || []).map((c) => ({ ...c, id: octets(c.id) }));

// get asks for a passkey.
async function get(options) {
  const c = await navigator.credentials.get({
    publicKey: { ...options, challenge: octets(options.challenge), allowCredentials: known(options.allowCredentials) },
  });
  const r = c.response;
  return {
    id: c.id, rawId: text(c.rawId), type: c.type, clientExtensionResults: {},
    response: {
      clientDataJSON: text(r.clientDataJSON), authenticatorData: text(r.authenticatorData), signature: text(r.signature),
      ...(r.userHandle ? { userHandle: text(r.userHandle) } : {}),
    },
  };
}

// create makes one.
async function create(options) {
  const c = await navigator.credentials.create({
    publicKey: {
      ...options, challenge: octets(options.challenge), user: { ...options.user, id: octets(options.user.id) },
      excludeCredentials: known(options.excludeCredentials),
    },
  });
  const r = c.response;
  return {
    id: c.id, rawId: text(c.rawId), type: c.type, clientExtensionResults: {},
    response: { clientDataJSON: text(r.clientDataJSON), attestationObject: text(r.attestationObject) },
  };
}

// reason says what went wrong in words.
function reason(e) {
  if (e instanceof Refused) return e.message;
  switch (e.name) {
    case "NotAllowedError": return "Nothing was done: it was cancelled, or took too long.";
    case "InvalidStateError": return "This device has a passkey for this account already.";
    case "SecurityError": return "Passkeys do not work at this address.";
    case "NotSupportedError": return "This device cannot make such a passkey.";
  }
  return "This browser could not do it.";
}

// busy runs something with a button off, and says what goes wrong.
async function busy(button, fault, f) {
  button.disabled = true;
  fault.textContent = "";
  try { await f(); } catch (e) { fault.textContent = reason(e); } finally { button.disabled = false; }
}

async function signIn() {
  const c = await post("begin", {});
  await post("finish", { handshake: c.handshake, credential: await get(c.options) });
  location.replace("/login/");
}

async function addPasskey(name) {
  const c = await post("passkeys/options", {});
  await post("passkeys/finish", { handshake: c.handshake, name, credential: await create(c.options) });
  location.replace("/login/?said=made");
}

// only shows one section in the place of all others, and returns how to undo it.
function only(id) {
  const before = [...document.querySelector("main").children].map((e) => [e, e.hidden]);
  const look = document.body.className;
  document.body.className = "narrow";
  for (const [e] of before) e.hidden = e.id !== id && !e.matches("header.brand");
  return () => {
    document.body.className = look;
    for (const [e, was] of before) e.hidden = was;
  };
}

// A link to make a passkey. What opens it stands behind the #, and leaves the
// address at once.
async function openLink(secret) {
  const back = only("make");
  let open, name;
  try {
    ({ open, name } = await post("link", { secret }));
  } catch {
    back();
    $("fault").textContent = "This link was used already, or is too old. Ask for another.";
    return;
  }
  $("who").textContent = name;
  const button = $("making").querySelector("button");
  $("making").addEventListener("submit", (e) => {
    e.preventDefault();
    busy(button, $("makefault"), async () => {
      const c = await post("link/options", { open });
      await post("link/finish", { handshake: c.handshake, name: $("making").elements.name.value, credential: await create(c.options) });
      location.replace("/login/?said=made");
    });
  });
}

// A program on this computer that has no passkeys asks for one's answer. It goes to
// this computer alone: who sends such an address to somebody else gets nothing. And it
// is asked for as a second factor only, by the names of its keys, so that somebody else
// on this computer who listens there gets nothing that logs in by itself.
function answerProgram(request) {
  const back = only("answer");
  try {
    const { port, state, name, options } = JSON.parse(new TextDecoder().decode(octets(request)));
    if (!Number.isInteger(port) || port < 1024 || port > 65535 || !/^[A-Za-z0-9_-]{16,64}$/.test(state)) throw new Error("request");
    if (!Array.isArray(options.allowCredentials) || options.allowCredentials.length === 0) throw new Error("request");
    if (name) $("asker").textContent = " as " + name;
    $("answering").addEventListener("click", () => busy($("answering"), $("answerfault"), async () => {
      const credential = new TextEncoder().encode(JSON.stringify(await get(options)));
      location.replace(`http://127.0.0.1:${port}/${state}?credential=${text(credential)}`);
    }));
  } catch {
    back();
    $("fault").textContent = "This address is not whole. Copy all of it.";
  }
}

if (window.PublicKeyCredential && window.isSecureContext) {
  for (const b of document.querySelectorAll("[data-do=signin]")) {
    b.disabled = false;
    b.addEventListener("click", () => busy(b, $("fault"), signIn));
  }
  const adding = $("adding");
  if (adding) {
    const b = adding.querySelector("button");
    b.disabled = false;
    adding.addEventListener("submit", (e) => {
      e.preventDefault();
      busy(b, $("fault"), () => addPasskey($("newname").value));
    });
  }
  const follow = () => {
    const [, what, secret] = location.hash.match(/^#(make|answer)=(.*)$/) || [];
    if (!what) return;
    history.replaceState(null, "", "/login/");
    (what === "make" ? openLink : answerProgram)(secret);
  };
  addEventListener("hashchange", follow);
  follow();
} else {
  $("fault").textContent = "This browser has no passkeys, or not at this address.";
}
