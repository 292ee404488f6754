"use strict";
{
  const status = document.createElement("p");
  status.className = "more";
  status.setAttribute("role", "status");
  document.body.prepend(status);

  // What somebody opened or stands on stays as it is.
  const replace = (now, next) => {
    if (now.outerHTML === next.outerHTML) return;
    const opened = [...now.querySelectorAll("details")].map((d) => d.open);
    const stops = "a, summary, [tabindex]";
    const at = [...now.querySelectorAll(stops)].indexOf(document.activeElement);
    const boxes = [...now.querySelectorAll(".box")].map((b) => b.scrollLeft);
    next.querySelectorAll("details").forEach((d, i) => { d.open = opened[i] || false; });
    now.replaceWith(next);
    next.querySelectorAll(".box").forEach((b, i) => { b.scrollLeft = boxes[i] || 0; });
    if (at >= 0) next.querySelectorAll(stops)[at]?.focus({ preventScroll: true });
  };
  const names = (list) => [...list].map((e) => e.tagName + e.id).join(" ");
  const patch = (now, next) => {
    if (names(now.children) !== names(next.children)) { now.replaceChildren(...next.children); return; }
    [...next.children].forEach((e, i) => replace(now.children[i], e));
  };
  const show = (html) => {
    const next = new DOMParser().parseFromString(html, "text/html");
    const swap = (part, how) => {
      const a = document.querySelector(part), b = next.querySelector(part);
      if (a && b) how(a, b);
    };
    swap("header", replace);
    swap("main", patch);
    document.title = document.querySelector("h1").textContent.trim();
  };

  const events = new EventSource("events");
  let over = false;
  events.addEventListener("page", (e) => { status.textContent = ""; show(e.data); });
  events.addEventListener("ended", (e) => { over = true; events.close(); show(e.data); status.textContent = "The run has ended. This is its last state; the evidence has the rest."; });
  events.onerror = () => { if (!over) status.textContent = "Not connected to the run. What stands here is what was known last."; };
}
