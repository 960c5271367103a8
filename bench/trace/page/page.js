(function () {
  "use strict";
  var $ = function (id) { return document.getElementById(id); };
  var all = function (from, what) { return Array.prototype.slice.call(from.querySelectorAll(what)); };
  var state = {a: "reactor", b: "", w: "send", step: 0, noise: ""};

  // What is looked at stands in the address, so that it can be linked and comes back.
  function read() {
    new URLSearchParams(location.hash.slice(1)).forEach(function (v, k) { if (k in state) { state[k] = v; } });
    state.step = Math.max(0, parseInt(state.step, 10) || 0);
    ["a", "b", "w"].forEach(function (k) {
      $(k).value = state[k];
      if ($(k).selectedIndex < 0) { $(k).selectedIndex = 0; }
      state[k] = $(k).value;
    });
    $("noise").checked = state.noise === "1";
  }
  function write() {
    var q = new URLSearchParams();
    Object.keys(state).forEach(function (k) { if (state[k] !== "") { q.set(k, state[k]); } });
    history.replaceState(null, "", "#" + q);
  }

  function shown() {
    return all(document, ".model").filter(function (m) {
      var on = m.dataset.model === state.a || m.dataset.model === state.b;
      m.classList.toggle("on", on);
      m.style.order = m.dataset.model === state.a ? 0 : 1;
      return on;
    }).map(function (m) {
      var scene;
      all(m, ".scene").forEach(function (s) {
        var on = s.dataset.mark === state.w;
        s.classList.toggle("on", on);
        if (on) { scene = s; }
      });
      return {model: m, scene: scene, steps: all(scene, "tbody tr")};
    });
  }

  function texts(cell) { return all(cell, "li").map(function (li) { return li.textContent; }); }

  function fill(ul, now, before) {
    ul.textContent = "";
    now.forEach(function (t) {
      var li = document.createElement("li");
      li.textContent = t;
      if (before.indexOf(t) < 0) { li.className = "new"; }
      ul.appendChild(li);
    });
    if (!now.length) {
      var none = document.createElement("li");
      none.className = "none";
      none.textContent = ul.dataset.none;
      ul.appendChild(none);
    }
  }

  // keep scrolls a box, and never the page, so that a thing in it is seen.
  function keep(box, thing) {
    var b = box.getBoundingClientRect(), t = thing.getBoundingClientRect();
    if (t.top < b.top + 40) { box.scrollTop += t.top - b.top - 60; }
    if (t.bottom > b.bottom - 40) { box.scrollTop += t.bottom - b.bottom + 60; }
  }

  function draw(view) {
    var n = Math.min(state.step, view.steps.length - 1), tr = view.steps[n], before = view.steps[n - 1];
    view.steps.forEach(function (s, i) { s.classList.toggle("now", i === n); });
    all(view.scene, "g.row").forEach(function (g) {
      var r = +g.dataset.row;
      g.classList.toggle("future", r > n);
      g.classList.toggle("now", r === n);
    });
    all(view.scene, "g[data-to]").forEach(function (g) { g.classList.toggle("unfinished", +g.dataset.to > n); });
    all(view.scene, "g.row.now rect.now").forEach(function (now) {
      if (now.getBoundingClientRect().height) { keep(view.scene.querySelector(".picture"), now); }
    });

    all(view.model, ".b ul").forEach(function (ul, i) {
      fill(ul, texts(tr.cells[3 + i]), before ? texts(before.cells[3 + i]) : []);
    });
    var say = view.scene.querySelector(".say"), what = document.createElement("b"), code = document.createElement("code");
    what.textContent = texts(tr.cells[2]).join(" · ");
    code.textContent = tr.dataset.code;
    say.hidden = false;
    say.replaceChildren(what, code);

    var lines = tr.dataset.lines ? tr.dataset.lines.split(" ") : [], lit;
    all(view.model, ".l").forEach(function (l) {
      var at = lines.indexOf(l.dataset.l);
      l.classList.toggle("lit", at === 0);
      l.classList.toggle("path", at > 0);
      if (at === 0) { lit = l; }
    });
    if (lit) { keep(view.model.querySelector(".hearts"), lit); }
    return what.textContent;
  }

  function render() {
    document.body.classList.toggle("compare", state.b !== "" && state.b !== state.a);
    document.body.classList.toggle("noisy", state.noise === "1");
    var views = shown();
    var most = Math.max.apply(null, views.map(function (v) { return v.steps.length; }));
    state.step = Math.min(state.step, most - 1);
    var said = views.map(draw);
    $("where").textContent = "step " + (state.step + 1) + " of " + most;
    $("voice").textContent = "Step " + (state.step + 1) + ". " + said.join(". Beside it: ");
    $("first").disabled = $("back").disabled = state.step === 0;
    $("last").disabled = $("next").disabled = state.step === most - 1;
    write();
  }

  function go(to) { state.step = Math.max(0, to); render(); }

  ["a", "b", "w"].forEach(function (k) {
    $(k).addEventListener("change", function () { state[k] = $(k).value; state.step = 0; render(); });
  });
  $("noise").addEventListener("change", function () { state.noise = $("noise").checked ? "1" : ""; render(); });
  $("first").addEventListener("click", function () { go(0); });
  $("back").addEventListener("click", function () { go(state.step - 1); });
  $("next").addEventListener("click", function () { go(state.step + 1); });
  $("last").addEventListener("click", function () { go(1e9); });
  document.addEventListener("keydown", function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey || /^(SELECT|INPUT|TEXTAREA)$/.test(e.target.tagName)) { return; }
    var to = {ArrowRight: state.step + 1, ArrowLeft: state.step - 1, Home: 0, End: 1e9}[e.key];
    if (to !== undefined) { e.preventDefault(); go(to); }
  });
  addEventListener("hashchange", function () { read(); render(); });

  var voice = document.createElement("p");
  voice.id = "voice";
  voice.setAttribute("aria-live", "polite");
  voice.className = "voice";
  document.querySelector("header").appendChild(voice);
  document.body.classList.add("live");
  ["controls", "hint"].forEach(function (id) { $(id).hidden = false; });
  all(document, ".boxes").forEach(function (b) { b.hidden = false; });
  read();
  render();
})();
