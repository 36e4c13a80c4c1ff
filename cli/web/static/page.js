// What the page can do beyond links: choose a time by dragging, load as one scrolls, move with the
// keyboard, follow what comes. Texts come from the server, escaped.
"use strict";

const MAX_ROWS = 2000;
const svgWidth = 1200;

const byId = (id) => document.getElementById(id);

function fragmentOf(html) {
  return new DOMParser().parseFromString(html, "text/html").body;
}

function rowsOf(html) {
  const table = fragmentOf(`<table><tbody>${html}</tbody></table>`);
  return [...table.querySelectorAll("tr")].map((row) => document.importNode(row, true));
}

async function textAt(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  const text = await answer.text();
  if (!answer.ok) {
    const said = fragmentOf(text).querySelector(".problem");
    throw new Error(said ? said.textContent : `the server says ${answer.status}`);
  }
  return text;
}

// ---- the time line -------------------------------------------------------------------------

function followTimeline(svg) {
  const from = BigInt(svg.dataset.from);
  const to = BigInt(svg.dataset.to);
  const shown = byId("chosen");
  const said = byId("chosen-text");
  let start = null;
  let cursor = null;
  let dragged = false;

  const timeAt = (x) => from + ((to - from) * BigInt(Math.round(x))) / BigInt(svgWidth);
  // To the microsecond, as terms take it: @SECONDS.FRACTION since 1970.
  const written = (ns) => {
    const us = ns / 1000n;
    return `@${us / 1000000n}.${String(us % 1000000n).padStart(6, "0")}`;
  };
  const place = (event) => {
    const box = svg.getBoundingClientRect();
    return Math.min(svgWidth, Math.max(0, ((event.clientX - box.left) / box.width) * svgWidth));
  };
  const draw = () => {
    const left = Math.min(start, cursor);
    const width = Math.max(2, Math.abs(cursor - start));
    shown.setAttribute("x", left);
    shown.setAttribute("width", width);
    const local = (x) => new Date(Number(timeAt(x) / 1000000n)).toLocaleString();
    said.textContent = `${local(left)} to ${local(left + width)}`;
  };
  const clear = () => {
    start = cursor = null;
    shown.setAttribute("width", 0);
    said.textContent = "";
  };
  const zoom = () => {
    const left = Math.min(start, cursor);
    const right = Math.max(start, cursor);
    const query = new URLSearchParams(svg.dataset.rest);
    query.append("term", `time=${written(timeAt(left))}..${written(timeAt(right))}`);
    location.href = `/?${query}`;
  };

  svg.addEventListener("dragstart", (event) => event.preventDefault());
  svg.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    start = cursor = place(event);
    dragged = false;
  });
  window.addEventListener("pointermove", (event) => {
    if (start === null || !event.buttons) return;
    cursor = place(event);
    dragged = dragged || Math.abs(cursor - start) > 4;
    if (dragged) draw();
  });
  window.addEventListener("pointerup", () => {
    if (start === null) return;
    if (dragged) zoom();
    else clear();
  });
  svg.addEventListener("click", (event) => {
    if (dragged) event.preventDefault(); // the bar below is a link
  });
  svg.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -10, ArrowRight: 10 };
    if (event.key in steps) {
      if (cursor === null) start = cursor = svgWidth / 2;
      else {
        cursor = Math.min(svgWidth, Math.max(0, cursor + steps[event.key]));
        if (!event.shiftKey) start = cursor;
      }
      draw();
    } else if (event.key === "Enter" && start !== null && start !== cursor) zoom();
    else if (event.key === "Escape") clear();
    else return;
    event.preventDefault();
  });
}

// ---- the list ------------------------------------------------------------------------------

function loadAsOneScrolls(table) {
  const watch = new IntersectionObserver(
    (entries) => entries.filter((each) => each.isIntersecting).forEach((each) => load(each.target)),
    { rootMargin: "600px" },
  );
  async function load(row) {
    watch.unobserve(row);
    const link = row.querySelector("a");
    if (table.querySelectorAll("tr[data-id]").length >= MAX_ROWS) return; // the link goes on
    try {
      const rows = rowsOf(await textAt(link.dataset.rows));
      row.replaceWith(...rows.filter((each) => !shownRow(table, each.dataset.id)));
      observe();
    } catch (error) {
      link.textContent = `${error.message}: try again`;
    }
  }
  function observe() {
    const row = table.querySelector("tr.next");
    if (row) watch.observe(row);
  }
  observe();
  return observe;
}

function shownRow(table, id) {
  return id ? table.querySelector(`tr[data-id="${CSS.escape(id)}"]`) : null;
}

function moveWithKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.matches("input, textarea, select")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.key === "/" && byId("line")) {
      byId("line").focus();
    } else if (event.key === "j" || event.key === "k") {
      const links = [...document.querySelectorAll("#rows tr[data-id] .time a")];
      const here = links.indexOf(document.activeElement);
      const next = here < 0 ? 0 : here + (event.key === "j" ? 1 : -1);
      if (links[next]) links[next].focus();
    } else return;
    event.preventDefault();
  });
}

function openRows(table) {
  table.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-id]");
    if (!row || event.target.closest("a") || String(getSelection())) return;
    row.querySelector("a").click();
  });
}

// ---- live ----------------------------------------------------------------------------------

function followLive(button, table, observe) {
  const note = byId("live-note");
  const body = table.tBodies[0];
  let source = null;
  let wanted = false;
  let trouble = "";
  let skipped = 0;

  function complete(rows) {
    for (const row of rows) {
      const shown = shownRow(table, row.dataset.id);
      if (shown && shown.innerHTML !== row.innerHTML) shown.replaceWith(row);
    }
  }
  // On top, newest first: what comes late is not looked for further down.
  function add(rows) {
    body.prepend(...rows.filter((row) => !shownRow(table, row.dataset.id)));
    const all = body.querySelectorAll("tr[data-id]");
    for (let at = MAX_ROWS; at < all.length; at++) all[at].remove();
    table.hidden = !all.length;
    if (all.length) byId("none")?.remove();
  }
  // The latest of the list, up to the moment from which on it is followed, or later.
  async function refresh() {
    const latest = rowsOf(await textAt(button.dataset.rows));
    const rows = latest.filter((row) => row.dataset.id);
    if (rows.length && !rows.some((row) => shownRow(table, row.dataset.id))) {
      body.replaceChildren(...latest.filter((row) => !row.dataset.id));
      observe();
    }
    complete(rows);
    add(rows);
  }
  function say() {
    const told = skipped
      ? `live; ${skipped} events came too fast to be shown here: load the page again to see them`
      : "live";
    note.textContent = trouble || told;
  }
  function update(data) {
    if (data.error) {
      note.textContent = data.error;
      set(false, true);
      return;
    }
    trouble = data.trouble ?? trouble;
    complete(rowsOf(data.ends ?? ""));
    const rows = rowsOf(data.rows ?? "");
    rows.forEach((row) => row.classList.add("fresh"));
    add(rows);
    skipped += data.skipped || 0;
    say();
  }
  function open() {
    const opened = new EventSource(button.dataset.live);
    let done = null; // what came before is in the list
    const then = (act) => {
      done = done.then(() => source === opened && act()).catch((error) => {
        note.textContent = error.message;
      });
    };
    source = opened;
    source.onopen = () => {
      done = Promise.resolve();
      trouble = "";
      say();
      then(refresh);
    };
    source.onmessage = (message) => then(() => update(JSON.parse(message.data)));
    source.onerror = () => {
      if (opened.readyState !== EventSource.CLOSED) {
        note.textContent = "the server does not answer: trying again";
        return;
      }
      note.textContent = "the server has refused to go on: load the page again";
      set(false, true);
    };
  }
  function close() {
    if (source) source.close();
    source = null;
  }
  function set(on, keepNote) {
    wanted = on;
    button.setAttribute("aria-pressed", on);
    close();
    if (on) open();
    else if (!keepNote) note.textContent = "";
  }
  button.hidden = false;
  button.addEventListener("click", () => set(!wanted));
  document.addEventListener("visibilitychange", () => {
    if (!wanted) return;
    if (document.hidden) {
      close();
      note.textContent = "paused";
    } else open();
  });
}

// ---- children, copying ---------------------------------------------------------------------

function openChildren() {
  document.addEventListener(
    "toggle",
    async (event) => {
      const details = event.target;
      const address = details.dataset.children;
      if (!address || !details.open || details.dataset.loaded) return;
      details.dataset.loaded = "1";
      try {
        const list = fragmentOf(await textAt(address)).querySelector(".children");
        details.append(document.importNode(list, true));
      } catch (error) {
        details.append(error.message);
      }
    },
    true,
  );
}

function copyCommands() {
  for (const button of document.querySelectorAll(".copy-button")) {
    const field = byId(button.dataset.copies);
    button.hidden = false;
    button.addEventListener("click", async () => {
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
      } catch {
        document.execCommand("copy");
      }
      button.textContent = "Copied";
    });
  }
}

const timeline = byId("timeline");
const rows = byId("rows");
const live = byId("live");
if (timeline) followTimeline(timeline);
const observe = rows ? loadAsOneScrolls(rows) : null;
if (rows) openRows(rows);
if (live) followLive(live, rows, observe);
moveWithKeys();
openChildren();
copyCommands();
