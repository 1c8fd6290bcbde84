"use strict";
(function () {
  var report = JSON.parse(document.getElementById("data").textContent);
  define = undefined; // what else may run in the page is not to be taken for a piece of Vega
  var vega = {}, drawn = [], shown = report.runs.map(function (run) { return run.drawn; });
  Object.keys(modules).forEach(function (name) { Object.assign(vega, modules[name]); });
  ["vega-transforms", "vega-view-transforms", "vega-encode"].forEach(function (name) {
    Object.assign(modules["vega-dataflow"].transforms, modules[name]);
  });

  function element(tag, attributes, text) {
    var made = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (key) { made.setAttribute(key, attributes[key]); });
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // ---- tips
  var tip = document.getElementById("tip");
  function showTip(handler, event, item, value) {
    if (value === null || value === undefined || value === "") { tip.hidden = true; return; }
    tip.textContent = Object.keys(value).filter(function (key) { return value[key] !== null; })
      .map(function (key) { return key + ": " + value[key]; }).join("\n");
    tip.hidden = false;
    tip.style.left = Math.max(4, Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = Math.max(4, Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 8)) + "px";
  }

  // ---- a chart with its numbers
  function word(value) {
    if (value === null || value === undefined) return "-";
    return typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(6))) : String(value);
  }
  function fillTable(into, chart) {
    var scroll = element("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Numbers: " + chart.title});
    var table = element("table"), head = element("tr"), body = element("tbody"), top = element("thead");
    chart.columns.forEach(function (c) { head.appendChild(element("th", {scope: "col"}, c[1])); });
    chart.rows.forEach(function (row) {
      var line = element("tr");
      chart.columns.forEach(function (c) { line.appendChild(element("td", {}, word(row[c[0]]))); });
      body.appendChild(line);
    });
    top.appendChild(head);
    table.appendChild(top);
    table.appendChild(body);
    scroll.appendChild(table);
    into.appendChild(scroll);
  }
  function summary(chart) {
    return chart.title + (chart.note ? ", " + chart.note : "") + ". " + chart.rows.length + " values; the table below has them.";
  }
  function add(section, chart) {
    if (!chart) return;
    var figure = element("figure"), caption = element("figcaption", {}, chart.title), plot = element("div", {class: "plot"});
    var numbers = element("details");
    if (chart.note) caption.appendChild(element("span", {}, chart.note));
    numbers.appendChild(element("summary", {}, "Numbers of this chart"));
    numbers.addEventListener("toggle", function () { if (numbers.open && numbers.children.length === 1) fillTable(numbers, chart); });
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", summary(chart));
    [caption, plot, numbers].forEach(function (part) { figure.appendChild(part); });
    section.appendChild(figure);
    var entry = {plot: plot, chart: chart, width: 0};
    drawn.push(entry);
    draw(entry);
  }
  function draw(entry) {
    var width = Math.floor(entry.plot.clientWidth);
    if (width < 40) return;
    if (entry.view) entry.view.finalize();
    entry.width = width;
    entry.plot.textContent = "";
    var into = element("div", {"aria-hidden": "true"});
    entry.plot.appendChild(into);
    var renderer = entry.chart.rows.length > 400 ? "canvas" : "svg";
    entry.view = new vega.View(vega.parse(entry.chart.spec(width)), {renderer: renderer, hover: true, logLevel: vega.Error});
    entry.view.tooltip(showTip).initialize(into).runAsync().catch(function (error) {
      entry.plot.textContent = "This chart could not be drawn: " + error.message;
      console.error(error);
    });
  }
  function redraw(all) {
    drawn.forEach(function (entry) { if (all || Math.abs(entry.plot.clientWidth - entry.width) > 8) draw(entry); });
  }

  // ---- which runs
  function runsShown() {
    var runs = [];
    report.runs.forEach(function (run, i) { if (shown[i]) runs.push({run: run, label: run.label, index: i, whole: run.whole}); });
    return runs;
  }
  function choice() {
    var set = element("fieldset");
    set.appendChild(element("legend", {}, "Runs in the charts"));
    report.runs.forEach(function (run, i) {
      var label = element("label"), box = element("input", {type: "checkbox"});
      box.checked = shown[i];
      box.addEventListener("change", function () { shown[i] = box.checked; fill(); });
      label.appendChild(box);
      label.appendChild(element("span", {class: "swatch", style: "background:" + charts.color(i)}));
      label.appendChild(document.createTextNode(run.label + " (" + run.method + ", seed " + run.seed + ")"));
      set.appendChild(label);
    });
    document.getElementById("results").appendChild(set);
  }
  function taskNames(runs) {
    var names = [];
    runs.forEach(function (r) { r.run.tasks.forEach(function (t) { if (names.indexOf(t.task) < 0) names.push(t.task); }); });
    return names;
  }
  function withTask(runs, name) {
    var found = [];
    runs.forEach(function (r) {
      r.run.tasks.forEach(function (t) { if (t.task === name) found.push(Object.assign({task: t}, {label: r.label, index: r.index, whole: r.whole})); });
    });
    return found;
  }
  function section(id) {
    var made = document.getElementById(id + "-charts");
    made.textContent = "";
    return made;
  }
  function sayEmpty(made) {
    if (!made.children.length) made.appendChild(element("p", {}, "Nothing yet."));
  }
  function fill() {
    var runs = runsShown(), names = taskNames(runs);
    drawn.forEach(function (entry) { if (entry.view) entry.view.finalize(); });
    drawn = [];
    var parts = {};
    ["tradeoff", "progress", "decisions", "certainty", "learning", "time"].forEach(function (id) { parts[id] = section(id); });
    names.forEach(function (name) {
      charts.costs.forEach(function (cost) { add(parts.tradeoff, charts.tradeoff(name, cost, withTask(runs, name))); });
      add(parts.progress, charts.settings(name, report.groups));
      add(parts.progress, charts.progress(name, withTask(runs, name)));
    });
    runs.forEach(function (r) {
      r.run.tasks.forEach(function (task) {
        add(parts.decisions, charts.decisions(r.label, task, r.index));
        add(parts.certainty, charts.certainty(r.label, task));
      });
      add(parts.time, charts.time(r.label, r.run));
    });
    charts.measures.forEach(function (measure) { add(parts.learning, charts.learning(measure, runs)); });
    Object.keys(parts).forEach(function (id) { sayEmpty(parts[id]); });
  }

  if (report.runs.length > 1) choice();
  fill();
  var waiting;
  window.addEventListener("resize", function () { clearTimeout(waiting); waiting = setTimeout(redraw, 150, false); });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { redraw(true); });
  document.addEventListener("keydown", function (event) { if (event.key === "Escape") tip.hidden = true; });

  // ---- loading again, while the work goes on
  var refresh = document.getElementById("refresh");
  if (refresh && report.refresh_seconds > 0) {
    refresh.checked = sessionStorage.getItem("refresh") !== "no";
    refresh.addEventListener("change", function () { sessionStorage.setItem("refresh", refresh.checked ? "yes" : "no"); });
    setInterval(function () { if (refresh.checked) location.reload(); }, 1000 * report.refresh_seconds);
  }
  document.documentElement.setAttribute("data-drawn", String(drawn.length));
})();
