// The page where policies are written works without this. With it: line numbers, names of
// what a policy sees, and a check while somebody types.
"use strict";
(() => {
  const form = document.getElementById("draft");
  const result = document.getElementById("result");
  if (!form || !result) return;
  const fields = form.dataset.fields.split(" ").map(f => "input." + f);

  // number puts the numbers of its lines beside a field.
  function number(area) {
    const box = document.createElement("div"), gutter = document.createElement("pre");
    box.className = "editor";
    gutter.className = "gutter";
    gutter.setAttribute("aria-hidden", "true");
    area.before(box);
    box.append(gutter, area);
    let lines = 0;
    const draw = () => {
      const n = area.value.split("\n").length;
      if (n !== lines) gutter.textContent = Array.from({ length: lines = n }, (_, i) => i + 1).join("\n");
      gutter.style.height = area.offsetHeight + "px";
      gutter.scrollTop = area.scrollTop;
    };
    area.addEventListener("input", draw);
    area.addEventListener("scroll", draw);
    new ResizeObserver(draw).observe(area);
    return box;
  }

  // complete offers the names that begin like what is typed.
  function complete(area, box) {
    const list = document.createElement("ul");
    list.className = "completion";
    list.id = area.id + "-names";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "What a policy sees");
    list.hidden = true;
    box.append(list);
    area.setAttribute("aria-autocomplete", "list");
    area.setAttribute("aria-controls", list.id);
    let typed = "", at = 0;
    const close = () => { list.hidden = true; list.replaceChildren(); area.removeAttribute("aria-activedescendant"); };
    const mark = () => {
      [...list.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === at)));
      area.setAttribute("aria-activedescendant", list.children[at].id);
      list.children[at].scrollIntoView({ block: "nearest" });
    };
    const take = () => {
      area.setRangeText(list.children[at].textContent.slice(typed.length), area.selectionStart, area.selectionEnd, "end");
      close();
      area.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const offer = () => {
      typed = (area.value.slice(0, area.selectionStart).match(/\binput(\.\w*)*$/) || [""])[0];
      const names = typed.length < 6 ? [] : fields.filter(f => f.startsWith(typed) && f !== typed);
      if (names.length === 0) return close();
      at = 0;
      list.replaceChildren(...names.map((name, i) => {
        const li = document.createElement("li");
        li.id = list.id + "-" + i;
        li.setAttribute("role", "option");
        li.textContent = name;
        li.addEventListener("mousedown", e => { e.preventDefault(); at = i; take(); });
        return li;
      }));
      list.hidden = false;
      mark();
    };
    area.addEventListener("input", offer);
    area.addEventListener("blur", close);
    area.addEventListener("keydown", e => {
      if (list.hidden) return;
      const n = list.children.length;
      switch (e.key) {
        case "ArrowDown": at = (at + 1) % n; mark(); break;
        case "ArrowUp": at = (at + n - 1) % n; mark(); break;
        case "Enter": case "Tab": take(); break;
        case "Escape": close(); break;
        default: return;
      }
      e.preventDefault();
    });
  }

  // goTo leads to a line of a file.
  function goTo(file, line) {
    const area = [...form.querySelectorAll("textarea")].find(a => nameOf(a) === file);
    if (!area) return false;
    area.closest("details").open = true;
    const before = area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    const end = area.value.indexOf("\n", before);
    area.focus();
    area.setSelectionRange(before, end < 0 ? area.value.length : end);
    area.scrollTop = Math.max(0, (line - 4) * parseFloat(getComputedStyle(area).lineHeight));
    return true;
  }

  function nameOf(area) {
    return area.dataset.file || area.closest("details").querySelector("input[name=name]").value;
  }

  result.addEventListener("click", e => {
    const a = e.target.closest("a[data-file]");
    if (a && goTo(a.dataset.file, Number(a.dataset.line))) e.preventDefault();
  });

  // show says what a check found.
  function show(found) {
    const say = document.createElement("p"), list = document.createElement("ul");
    say.className = "notice " + (found.passes ? "good" : "bad");
    say.textContent = found.words;
    list.className = "places";
    for (const p of found.places || []) {
      const li = document.createElement("li");
      if (p.file) {
        const a = document.createElement("a");
        a.href = "#files";
        a.dataset.file = p.file;
        a.dataset.line = p.line;
        a.textContent = p.file + ":" + p.line;
        li.append(a, " ");
      }
      li.append(p.words);
      list.append(li);
    }
    result.replaceChildren(say, ...(list.children.length ? [list] : []));
  }

  let waits, asked = 0;
  async function check() {
    const mine = ++asked, body = new URLSearchParams(new FormData(form));
    body.set("do", "check");
    body.set("as", "json");
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
      const found = await answer.json();
      if (mine === asked) show(found);
    } catch {
      if (mine === asked) show({ passes: false, words: "The check could not be made. Are you still signed in?" });
    }
  }

  for (const area of form.querySelectorAll("textarea.rego")) complete(area, number(area));
  form.addEventListener("input", e => {
    if (e.target.name === "reason") return;
    clearTimeout(waits);
    waits = setTimeout(check, 800);
  });
})();
