"use strict";
// Draws a line chart on a canvas. uPlot gives scales, axes and the cursor; lines, bands, whiskers
// and glyphs are drawn here, so that they look as on paper. Figures and their texts come from the
// page: nothing is computed but places on the screen.

class LineChart {
  // box holds the canvas, spec is a lineChart of the page, models its models. said(i) is told the
  // place under the cursor, null when it leaves. more(chart, ctx) may draw beside the lines.
  constructor(box, spec, models, { said = () => {}, clicked = null, more = null, height = 320 } = {}) {
    Object.assign(this, { box, spec, models, said, clicked, more, height });
    this.hidden = new Set();
    this.asLog = spec.asLog;
    this.place = null;
    this.build();
    new ResizeObserver(() => this.fit()).observe(box);
    box.addEventListener("keydown", (e) => this.key(e));
    box.addEventListener("blur", () => this.point(null));
  }

  values() { return this.asLog ? this.spec.log : this.spec.linear; }

  // build makes the canvas anew: scales and colours are fixed when it is made.
  build() {
    this.plot?.destroy();
    const { spec } = this, values = this.values();
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    this.paper = colour("--paper");
    this.soft = colour("--soft");
    this.colours = spec.lines.map((l) => this.colourOf(l.m));
    this.bandAlpha = Number(colour("--band"));
    const axis = (scale, more) => ({
      stroke: this.soft, font: '12px "Liberation Sans", Arial, Helvetica, sans-serif', ticks: { show: false },
      grid: { stroke: colour("--line"), width: 1 }, ...more,
      splits: (u, i) => this.roomy(u, scale, i === 0).map((t) => t.at),
      values: (u, at) => at.map((v) => scale.ticks.find((t) => t.at === v)?.text ?? ""),
      filter: (u, at) => at,
    });
    this.plot = new uPlot({
      width: Math.max(this.box.clientWidth, 200), height: this.height, padding: [10, 12, 0, 0],
      scales: {
        x: { time: false, range: [spec.x.lo, spec.x.hi] },
        y: { distr: this.asLog ? 3 : 1, range: [values.lo, values.hi] },
      },
      axes: [
        axis(spec.x, { size: 26, gap: 6, label: spec.xTitle, labelSize: 18, labelGap: 0, labelFont: "12px Liberation Sans, Arial, sans-serif" }),
        axis(values, { size: 62, gap: 6 }),
      ],
      series: [{}, ...spec.lines.map((l, i) => ({
        stroke: this.colours[i], width: 2, paths: () => null, points: { show: false }, show: !this.hidden.has(l.m),
      }))],
      legend: { show: false },
      cursor: {
        y: false, drag: { x: false, y: false },
        points: { size: 9, width: 2, stroke: (u, i) => this.colours[i - 1], fill: () => this.paper },
      },
      hooks: {
        drawAxes: [(u) => this.under(u)],
        draw: [(u) => this.over(u)],
        setCursor: [(u) => this.point(u.cursor.left < 0 ? null : u.cursor.idx)],
      },
    }, [spec.at, ...spec.lines.map((l) => l.y)], this.box);
    if (this.clicked) {
      this.plot.over.addEventListener("click", (e) => this.clicked(this.plot.posToIdx(e.offsetX)));
    }
  }

  // roomy keeps the labels that have room beside the one before.
  roomy(u, scale, horizontal) {
    const dim = horizontal ? "x" : "y", out = [];
    let last = null;
    for (const t of scale.ticks) {
      const at = u.valToPos(t.at, dim), need = horizontal ? 7 * t.text.length + 12 : 18;
      if (last === null || Math.abs(at - last) >= need) {
        out.push(t);
        last = at;
      }
    }
    return out;
  }

  colourOf(model) {
    const probe = document.createElement("i");
    probe.className = "m" + model;
    document.body.append(probe);
    const colour = getComputedStyle(probe).getPropertyValue("--c").trim();
    probe.remove();
    return colour;
  }

  // each visits the lines that are shown, with functions from figures to places on the canvas.
  each(u, visit) {
    const r = uPlot.pxRatio, values = this.values(), n = this.spec.lines.length;
    this.spec.lines.forEach((line, i) => {
      if (this.hidden.has(line.m)) return;
      const shift = (i - (n - 1) / 2) * (this.spec.spread || 0) * r * Math.min(1, u.width / 600);
      const x = (k) => u.valToPos(this.spec.at[k], "x", true) + shift;
      const y = (v) => u.valToPos(Math.max(v, values.lo), "y", true);
      visit(line, this.colours[i], x, y, r);
    });
  }

  clip(u, draw) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top - 8, bbox.width + 8, bbox.height + 16);
    ctx.clip();
    draw(ctx);
    ctx.restore();
  }

  // under draws what lies below the lines: the reference and the bands.
  under(u) {
    this.clip(u, (ctx) => {
      if (this.spec.one) {
        const at = Math.round(u.valToPos(1, "y", true)) + 0.5;
        ctx.strokeStyle = this.soft;
        ctx.lineWidth = 1.2 * uPlot.pxRatio;
        ctx.beginPath();
        ctx.moveTo(u.bbox.left, at);
        ctx.lineTo(u.bbox.left + u.bbox.width, at);
        ctx.stroke();
      }
      if (this.spec.band) this.each(u, (line, colour, x, y) => this.fill(ctx, line, colour, x, y));
    });
  }

  // fill draws the band of a line, a piece at a time: a gap stays a gap.
  fill(ctx, line, colour, x, y) {
    ctx.fillStyle = colour;
    ctx.globalAlpha = this.bandAlpha;
    for (const [from, to] of pieces(line.y)) {
      ctx.beginPath();
      for (let k = from; k < to; k++) ctx.lineTo(x(k), y(line.hi[k]));
      for (let k = to - 1; k >= from; k--) ctx.lineTo(x(k), y(line.lo[k]));
      ctx.fill();
    }
    ctx.globalAlpha = 1;
  }

  over(u) {
    this.clip(u, (ctx) => {
      this.each(u, (line, colour, x, y, r) => this.trail(ctx, line, colour, x, y, r));
      if (!this.spec.band || this.spec.dots) {
        this.each(u, (line, colour, x, y, r) => this.glyphs(ctx, line, colour, x, y, r));
      }
      this.more?.(this, ctx, u);
    });
  }

  // trail draws a line and its whiskers. On a chart of points, lines join what was measured.
  trail(ctx, line, colour, x, y, r) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = 2 * r;
    ctx.lineJoin = "round";
    ctx.setLineDash((this.models[line.m].dash ?? []).map((d) => d * r));
    ctx.beginPath();
    for (const [from, to] of this.spec.gaps ? pieces(line.y) : [[0, line.y.length]]) {
      let pen = "moveTo";
      for (let k = from; k < to; k++) {
        if (line.y[k] === null) continue;
        ctx[pen](x(k), y(line.y[k]));
        pen = "lineTo";
      }
    }
    ctx.stroke();
    ctx.setLineDash([]);
    if (this.spec.band) return;
    ctx.lineWidth = 1.5 * r;
    ctx.beginPath();
    line.y.forEach((v, k) => {
      if (v === null || line.hi[k] <= line.lo[k]) return;
      ctx.moveTo(x(k), y(line.lo[k]));
      ctx.lineTo(x(k), y(line.hi[k]));
    });
    ctx.stroke();
  }

  glyphs(ctx, line, colour, x, y, r) {
    const shape = new Path2D(this.models[line.m].shape);
    line.y.forEach((v, k) => {
      if (v === null) return;
      const hollow = line.hollow?.[k];
      ctx.save();
      ctx.translate(x(k), y(v));
      ctx.scale(r, r);
      ctx.fillStyle = hollow ? this.paper : colour;
      ctx.strokeStyle = hollow ? colour : this.paper;
      ctx.lineWidth = hollow ? 1.6 : 0.8;
      ctx.fill(shape);
      ctx.stroke(shape);
      ctx.restore();
    });
  }

  point(place) {
    if (place === this.place) return;
    this.place = place;
    this.said(place);
  }

  // key moves the cursor from place to place.
  key(e) {
    const last = this.spec.at.length - 1, now = this.place;
    const next = { ArrowLeft: (now ?? 1) - 1, ArrowRight: (now ?? -1) + 1, Home: 0, End: last }[e.key];
    if (e.key === "Enter" && this.clicked && now !== null) this.clicked(now);
    if (next === undefined) return;
    e.preventDefault();
    this.aim(Math.min(Math.max(next, 0), last));
  }

  // aim puts the cursor at a place.
  aim(place) {
    this.plot.setCursor({ left: this.plot.valToPos(this.spec.at[place], "x"), top: this.height / 3 });
  }

  hide(models) {
    this.hidden = models;
    this.spec.lines.forEach((l, i) => this.plot.setSeries(i + 1, { show: !models.has(l.m) }));
  }

  scale(asLog) {
    this.asLog = asLog && Boolean(this.spec.log);
    this.build();
  }

  fit() {
    const width = this.box.clientWidth;
    if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.height });
  }
}

// pieces lists the stretches of figures without a gap, each as [from, to).
function pieces(figures) {
  const out = [];
  let from = -1;
  figures.forEach((v, k) => {
    if (v !== null && from < 0) from = k;
    if (v === null && from >= 0) {
      out.push([from, k]);
      from = -1;
    }
  });
  if (from >= 0) out.push([from, figures.length]);
  return out;
}

// state is what the address bar remembers after the #, as name=value pairs; a plain #name is a
// link to a part of the page, and stays one.
const state = {
  read() {
    const hash = location.hash.slice(1);
    return new URLSearchParams(hash.includes("=") ? hash : "");
  },
  write(pairs) {
    const kept = Object.entries(pairs).filter(([, v]) => v !== "" && v !== null && v !== undefined);
    const hash = kept.map(([k, v]) => `${k}=${encodeURIComponent(v).replaceAll("%2C", ",")}`).join("&");
    history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search);
  },
};

// onPaper calls again whenever the reader changes between light and dark.
function onPaper(again) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
}

// copyButtons let each button with data-copy put the text of the element it names on the clipboard.
function copyButtons(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(source); // no permission: leave the last step to the reader
      }
    });
  }
}
