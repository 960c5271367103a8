"use strict";
// The history: one series at a time on a canvas, picked by lists, by a click in the overview, or by
// the address. Medians and changes come from the page.

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const form = document.querySelector(".picker"), figure = document.querySelector("figure.history");
  const lists = Object.fromEntries([...form.elements].map((el) => [el.name, el]));
  const heading = document.getElementById("series"), readout = figure.querySelector(".readout-at");
  const box = figure.querySelector(".canvas"), panel = document.getElementById("campaign");
  let chart = null, series = null, klass = null, scale = "linear";

  document.documentElement.classList.add("scripted");
  figure.classList.add("drawn-by-script");

  // fill offers values in a list and keeps the choice where it can.
  function fill(list, values, wanted) {
    list.replaceChildren(...values.map((v) => new Option(v, v)));
    list.value = values.includes(wanted) ? wanted : values[0];
  }

  const distinct = (values) => [...new Set(values)];
  const nameOf = (s) => data.models[s.m].name;

  // choose fits the lists to each other, from the class down, and draws what they say.
  function choose(wanted) {
    const want = (name) => wanted[name] ?? lists[name].value;
    fill(lists.class, data.classes.map((c) => c.id), want("class"));
    klass = data.classes.find((c) => c.id === lists.class.value);
    let left = klass.series;
    for (const [name, of] of [["metric", (s) => s.metric], ["w", (s) => s.w], ["srv", nameOf]]) {
      fill(lists[name], distinct(left.map(of)).sort(), want(name) || of(klass.series[0]));
      left = left.filter((s) => of(s) === lists[name].value);
    }
    series = left[0];
    const hasRatio = series.ratio.y.some((v) => v !== null);
    if (wanted.show) lists.show.value = wanted.show;
    lists.show.options[0].disabled = !hasRatio;
    if (!lists.show.value || (!hasRatio && lists.show.value === "ratio")) lists.show.value = "abs";
    for (const section of document.querySelectorAll(".class")) {
      section.classList.toggle("off", section.dataset.class !== klass.id);
    }
    draw();
  }

  const units = {
    "1/s": [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]],
    s: [[1, " s"], [1e-3, " ms"], [1e-6, " µs"], [1e-9, " ns"]],
    B: [[1e9, " GB"], [1e6, " MB"], [1e3, " kB"], [1, " B"]],
    1: [[1, ""]],
  };

  // write gives a figure three digits and the prefix that fits.
  function write(v, unit, exact = false) {
    if (v === 0) return "0";
    const steps = units[unit] ?? units[1];
    const [size, suffix] = steps.find(([s]) => Math.abs(v) >= s * 0.9995) ?? steps.at(-1);
    return (exact ? String(Number((v / size).toPrecision(9))) : (v / size).toPrecision(3)) + suffix;
  }

  // scaleOf makes an axis with labels at 1-2-5 steps.
  function scaleOf(lo, hi, unit, log) {
    const ticks = [], label = (at) => ticks.push({ at, text: write(at, unit, true) });
    if (log && hi / lo > 3) {
      for (let e = Math.floor(Math.log10(lo)); e <= Math.log10(hi); e++) {
        for (const f of [1, 2, 5]) if (f * 10 ** e >= lo && f * 10 ** e <= hi) label(f * 10 ** e);
      }
      return { lo, hi, ticks };
    }
    const rough = (hi - lo) / 6, decade = 10 ** Math.floor(Math.log10(rough));
    const step = decade * ([1, 2, 5].find((f) => f * decade >= rough) ?? 10);
    for (let i = Math.ceil(lo / step); i * step <= hi; i++) label(Number((i * step).toPrecision(9)));
    return { lo, hi, ticks };
  }

  // specOf makes the chart of the chosen series.
  function specOf(ratio) {
    const { y, lo, hi } = ratio ? series.ratio : series.abs, unit = ratio ? "1" : series.unit;
    const all = [...y, ...lo, ...hi].filter((v) => v !== null);
    if (ratio) all.push(0.95, 1.05);
    let least = Math.min(...all), most = Math.max(...all);
    const room = Math.max((most - least) * 0.08, most * 0.02) || 1;
    const n = y.length, campaigns = klass.campaigns;
    const unsound = series.flags.map((f) => f.includes("unsound"));
    return {
      at: y.map((_, i) => i), atText: campaigns.map((c) => `${c.commit}, ${c.day}`), spread: 0, gaps: true,
      x: { lo: -0.5, hi: n - 0.5, ticks: campaigns.map((c, i) => ({ at: i, text: c.commit.slice(0, 8) })) },
      xTitle: "commit, in the order measured",
      linear: scaleOf(Math.max(least - room, least > 0 ? least * 0.5 : -Infinity), most + room, unit, false),
      log: least > 0 ? scaleOf(least * 0.97, most * 1.03, unit, true) : null,
      asLog: scale === "log", one: ratio, band: true, dots: true,
      lines: [{
        m: series.m, y, lo, hi, hollow: unsound,
        t: y.map((v, i) => (v === null ? "" : `${write(v, unit)} [${write(lo[i], unit)}–${write(hi[i], unit)}]`)),
      }],
    };
  }

  function draw() {
    const ratio = lists.show.value === "ratio", spec = specOf(ratio);
    if (!spec.log) spec.asLog = false;
    heading.textContent = `${nameOf(series)}: ${series.metric}`;
    figure.querySelector(".ytitle").textContent =
      `${series.metric}, ${ratio ? "ratio to the baseline" : "absolute"} (${series.better} is better); ${series.w}`;
    chart?.plot.destroy();
    box.replaceChildren();
    const said = (place) => {
      readout.textContent = place === null ? "" : `${spec.atText[place]}: ${spec.lines[0].t[place] || "no figure"}`;
    };
    if (chart) {
      Object.assign(chart, { spec, said, asLog: spec.asLog, place: null });
      chart.build();
    } else {
      chart = new LineChart(box, spec, data.models, { said, clicked: tell, more: segments, height: 360 });
    }
    for (const button of figure.querySelectorAll("[data-scale]")) {
      button.setAttribute("aria-pressed", String((button.dataset.scale === "log") === spec.asLog));
    }
    for (const row of document.querySelectorAll(".overview tbody tr")) {
      const d = row.dataset;
      row.classList.toggle("picked", d.class === klass.id && d.w === series.w && d.srv === nameOf(series) && d.metric === series.metric);
    }
  }

  // segments draws the medians between changes, and a line where one begins.
  function segments(self, ctx, u) {
    const r = uPlot.pxRatio, ratio = lists.show.value === "ratio";
    const probe = getComputedStyle(document.documentElement);
    ctx.lineWidth = 2 * r;
    series.segments.forEach((s, i) => {
      const [median] = ratio ? s.ratio : s.abs;
      if (median === undefined) return;
      const from = u.valToPos(s.from - 0.45, "x", true), to = u.valToPos(s.to + 0.45, "x", true);
      const y = u.valToPos(median, "y", true);
      ctx.strokeStyle = probe.getPropertyValue("--ink");
      ctx.beginPath();
      ctx.moveTo(from, y);
      ctx.lineTo(to, y);
      ctx.stroke();
      if (i === 0) return;
      const at = u.valToPos(s.from - 0.5, "x", true);
      ctx.strokeStyle = probe.getPropertyValue("--warm");
      ctx.setLineDash([5 * r, 4 * r]);
      ctx.beginPath();
      ctx.moveTo(at, u.bbox.top);
      ctx.lineTo(at, u.bbox.top + u.bbox.height);
      ctx.stroke();
      ctx.setLineDash([]);
    });
  }

  // tell shows the campaign behind a point.
  function tell(place) {
    const c = klass.campaigns[place], line = chart.spec.lines[0];
    const p = (...parts) => {
      const el = document.createElement("p");
      el.append(...parts);
      return el;
    };
    const strong = document.createElement("strong");
    strong.textContent = "commit " + c.commit;
    const facts = [` measured ${c.time}, ${c.blocks} blocks`];
    if (c.authored) facts.push(`, committed ${c.authored}`);
    panel.replaceChildren(p(strong, ...facts), p(line.t[place] ? `${series.metric}: ${line.t[place]}` : "This campaign has no such figure."));
    if (series.flags[place]) panel.append(p("flags: " + series.flags[place]));
    if (c.note) panel.append(p(c.note));
    if (c.rerun) {
      const code = document.createElement("code"), button = document.createElement("button");
      code.id = "rerun";
      code.textContent = c.rerun;
      button.type = "button";
      button.className = "plain";
      button.dataset.copy = "rerun";
      button.textContent = "copy";
      panel.append(p(code, " ", button));
      copyButtons(panel);
    }
  }

  function remember() {
    state.write({
      class: lists.class.value, metric: lists.metric.value, w: lists.w.value, srv: lists.srv.value,
      show: lists.show.value, scale: scale === "log" ? "log" : "",
    });
  }

  function restore() {
    const saved = Object.fromEntries(state.read());
    if (saved.scale) scale = saved.scale;
    choose(saved);
  }

  form.addEventListener("change", () => { choose({}); remember(); });
  form.addEventListener("submit", (e) => e.preventDefault());
  for (const button of figure.querySelectorAll("[data-scale]")) {
    button.addEventListener("click", () => { scale = button.dataset.scale; draw(); remember(); });
  }
  for (const row of document.querySelectorAll(".overview tbody tr")) {
    const head = row.querySelector("th"), button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    row.addEventListener("click", () => {
      choose({ ...row.dataset });
      remember();
      figure.scrollIntoView({ block: "nearest" });
    });
  }
  onPaper(draw);
  addEventListener("hashchange", () => location.hash.includes("=") && restore());
  restore();
})();
