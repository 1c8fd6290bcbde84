"use strict";
// What is drawn: Vega specifications made from a report's JSON. A chart is {title, note, spec(width), columns, rows}: the rows
// are what is drawn, and what stands in the table below it.
var charts = (function () {
  var light = ["#0072b2", "#b34700", "#00734f", "#8f3b76", "#7a5c00", "#333333"];
  var dark = ["#56b4e9", "#ff9d5c", "#2fd0a0", "#e59ccb", "#e6c84a", "#d8d8d8"];
  var costs = {macs: "MACs", params: "parameters", bytes: "bytes"};
  var shapes = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"];

  function isDark() { return window.matchMedia("(prefers-color-scheme: dark)").matches; }
  function color(i) { var list = isDark() ? dark : light; return list[i % list.length]; }
  function ink(name) { return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim(); }

  // A specification with axes; x and y: {title, type, domain, format, zero}.
  function plot(width, height, data, x, y, marks, more) {
    var spec = {
      width: width, height: height, padding: 4, autosize: {type: "fit", contains: "padding"}, data: data,
      config: {
        background: null,
        axis: {domainColor: ink("line"), tickColor: ink("line"), gridColor: ink("line"), gridOpacity: 0.5, labelColor: ink("ink"),
          titleColor: ink("soft"), labelFontSize: 11, titleFontSize: 12, titleFontWeight: "normal", labelLimit: Math.max(90, width * 0.42)},
        legend: {labelColor: ink("ink"), titleColor: ink("soft"), labelFontSize: 11, labelLimit: 220,
          layout: {bottom: {anchor: "start", direction: "vertical"}}},
      },
      scales: [scale("x", "width", x), scale("y", "height", y)],
      axes: [axis("bottom", "x", x), axis("left", "y", y)],
      marks: marks,
    };
    Object.keys(more || {}).forEach(function (key) { spec[key] = (spec[key] || []).concat(more[key]); });
    return spec;
  }
  function scale(name, range, of) {
    var made = {name: name, type: of.type || "linear", domain: of.domain, range: range};
    if (made.type === "band") made.padding = of.padding === undefined ? 0.15 : of.padding;
    else { made.nice = of.nice !== false; made.zero = !!of.zero; }
    return made;
  }
  function axis(orient, name, of) {
    return {orient: orient, scale: name, title: of.title, format: of.format, grid: of.type !== "band", tickCount: 5,
      labelAngle: of.angle || 0, labelAlign: of.angle ? "right" : undefined, labelOverlap: true, labels: of.labels !== false};
  }
  // min and max with a margin where they are the same
  function span(values) {
    var lo = Infinity, hi = -Infinity;
    values.forEach(function (v) { if (v !== null && isFinite(v)) { lo = Math.min(lo, v); hi = Math.max(hi, v); } });
    if (lo > hi) return [0, 1];
    return lo < hi ? [lo, hi] : [lo - Math.abs(lo) * 0.1 - 0.01, hi + Math.abs(hi) * 0.1 + 0.01];
  }
  function percent(of) { return of[1] - of[0] < 0.06 ? ".1%" : ".0%"; }
  function by(rows, name) { return {facet: {name: name, data: "rows", groupby: "series"}}; }
  function legend(names) {
    var longest = names.reduce(function (most, n) { return Math.max(most, n.label.length); }, 0);
    var columns = longest > 24 ? 1 : longest > 12 || names.length > 3 ? 2 : 3;
    return {legends: [{fill: "series", orient: "bottom", columns: Math.min(columns, names.length), symbolType: "square"}],
      scales: [{name: "series", type: "ordinal", domain: names.map(function (n) { return n.label; }),
        range: names.map(function (n) { return color(n.index); })}]};
  }
  function distinct(rows) {
    var seen = {}, names = [];
    rows.forEach(function (r) {
      if (!seen[r.series]) { seen[r.series] = true; names.push({label: r.series, index: r.index}); }
    });
    return names;
  }

  // ---- accuracy against a cost
  function tradeoff(name, cost, runs) {
    var rows = [];
    runs.forEach(function (r) {
      var t = r.task, add = function (kind, c) {
        if (c && c[cost] > 0 && c.accuracy !== null && c.accuracy !== undefined) {
          rows.push({series: r.label, index: r.index, kind: kind, cost: c[cost], accuracy: c.accuracy,
            evaluation: c.evaluation === undefined ? null : c.evaluation});
        }
      };
      (t.candidates || []).forEach(function (c) { add("tried", c); });
      ((t.front || {})[cost] || []).forEach(function (c) { add("on the front", c); });
      (t.baselines || []).forEach(function (c) { add(c.name, c); });
      var before = {accuracy: t.accuracy_base}, found = {accuracy: t.accuracy_found};
      before[cost] = t[cost + "_before"];
      found[cost] = t[cost];
      add(r.whole + " network", before);
      add("found", found);
    });
    if (!rows.length) return null;
    var kinds = [], special = rows.filter(function (r) { return r.kind !== "tried" && r.kind !== "on the front"; });
    special.forEach(function (r) { if (kinds.indexOf(r.kind) < 0) kinds.push(r.kind); });
    var names = distinct(rows);
    return {
      title: name + ": accuracy against " + costs[cost], note: "", rows: rows,
      columns: [["series", "run"], ["kind", "what"], ["evaluation", "evaluation"], ["cost", costs[cost]], ["accuracy", "accuracy"]],
      spec: function (width) {
        var heights = span(rows.map(function (r) { return r.accuracy; }));
        var where = {x: {scale: "x", field: "cost"}, y: {scale: "y", field: "accuracy"}};
        var tip = {signal: "{run: datum.series, what: datum.kind, evaluation: datum.evaluation, " + costs[cost] +
          ": format(datum.cost, ','), accuracy: format(datum.accuracy, '.2%')}"};
        var own = {scale: "series", field: "series"};
        return plot(width, 280, [
          {name: "rows", values: rows},
          {name: "tried", source: "rows", transform: [{type: "filter", expr: "datum.kind === 'tried'"}]},
          {name: "front", source: "rows", transform: [{type: "filter", expr: "datum.kind === 'on the front'"}]},
          {name: "special", values: special},
        ], {title: costs[cost], domain: span(rows.map(function (r) { return r.cost; })), format: "~s"},
        {title: "accuracy", domain: heights, format: percent(heights)}, [
          {type: "symbol", from: {data: "tried"}, encode: {update: Object.assign({size: {value: 22}, fill: own,
            fillOpacity: {value: 0.35}, tooltip: tip}, where)}},
          {type: "group", from: {facet: {name: "one", data: "front", groupby: "series"}}, marks: [
            {type: "line", from: {data: "one"}, encode: {update: Object.assign({stroke: own, strokeWidth: {value: 2},
              interpolate: {value: "step-after"}}, where)}}]},
          {type: "symbol", from: {data: "front"}, encode: {update: Object.assign({size: {value: 40}, fill: own, tooltip: tip}, where)}},
          {type: "symbol", from: {data: "special"}, encode: {update: Object.assign({size: {value: 130},
            fill: {value: ink("panel")}, stroke: own, strokeWidth: {value: 2}, shape: {scale: "kind", field: "kind"}, tooltip: tip}, where)}},
        ], (function () {
          var more = names.length > 1 ? legend(names) : {legends: [], scales: legend(names).scales};
          more.scales.push({name: "kind", type: "ordinal", domain: kinds, range: shapes.slice(1)});
          if (kinds.length) more.legends.push({shape: "kind", orient: "bottom", columns: 2, symbolStrokeColor: ink("ink")});
          return more;
        })());
      },
    };
  }

  // ---- rewards
  function progress(name, runs) {
    var rows = [], bands = [];
    runs.forEach(function (r) {
      var best = r.task.best_so_far || [], bins = r.task.rewards || [];
      best.forEach(function (c) { rows.push({series: r.label, index: r.index, evaluation: c.evaluation, reward: c.reward,
        accuracy: c.accuracy}); });
      if (best.length && bins.length) {
        rows.push({series: r.label, index: r.index, evaluation: bins[bins.length - 1].last, reward: best[best.length - 1].reward,
          accuracy: best[best.length - 1].accuracy});
      }
      bins.forEach(function (b) {
        bands.push({series: r.label, at: (b.first + b.last) / 2, least: b.least, low: b.low, middle: b.middle, high: b.high,
          most: b.most});
      });
    });
    if (!rows.length) return null;
    var names = distinct(rows), single = bands.every(function (b) { return b.least === b.most; });
    return {
      title: name + ": reward", note: "", rows: rows,
      columns: [["series", "run"], ["evaluation", "evaluation"], ["reward", "best reward so far"], ["accuracy", "its accuracy"]],
      spec: function (width) {
        var own = {scale: "series", field: "series"}, x = {scale: "x", field: "at"};
        var area = function (low, high, opacity) {
          return {type: "area", from: {data: "one"}, encode: {update: {x: x, y: {scale: "y", field: low}, y2: {scale: "y", field: high},
            fill: own, fillOpacity: {value: opacity}}}};
        };
        var shown = single ? {type: "symbol", from: {data: "bands"}, encode: {update: {x: x, y: {scale: "y", field: "middle"},
          size: {value: 16}, fill: own, fillOpacity: {value: 0.4}}}} :
          {type: "group", from: {facet: {name: "one", data: "bands", groupby: "series"}},
            marks: [area("least", "most", 0.12), area("low", "high", 0.22)]};
        return plot(width, 240, [{name: "rows", values: rows}, {name: "bands", values: bands}],
          {title: "evaluations", domain: span(rows.map(function (r) { return r.evaluation; })), format: "~s"},
          {title: "reward", domain: span(bands.map(function (b) { return b.least; }).concat(bands.map(function (b) { return b.most; })))},
          [shown, {type: "group", from: by(rows, "series_rows"), marks: [
            {type: "line", from: {data: "series_rows"}, encode: {update: {x: {scale: "x", field: "evaluation"},
              y: {scale: "y", field: "reward"}, stroke: own, strokeWidth: {value: 2.5}, interpolate: {value: "step-after"}}}},
            {type: "symbol", from: {data: "series_rows"}, encode: {update: {x: {scale: "x", field: "evaluation"},
              y: {scale: "y", field: "reward"}, fill: own, size: {value: 30}, tooltip: {signal: "{run: datum.series, " +
              "evaluation: datum.evaluation, reward: format(datum.reward, '.4f'), accuracy: format(datum.accuracy, '.2%')}"}}}},
          ]}], names.length > 1 ? legend(names) : {scales: legend(names).scales});
      },
    };
  }

  // ---- best reward so far, over the seeds of each setting
  function settings(name, groups) {
    var found = [];
    groups.forEach(function (group, index) {
      group.tasks.forEach(function (task) {
        if (task.task === name && task.progress.length) {
          found.push({name: group.name, index: index, seeds: group.seeds, points: task.progress});
        }
      });
    });
    if (!found.some(function (setting) { return setting.seeds > 1; })) return null;
    var last = function (setting) { return setting.points[setting.points.length - 1].middle; };
    var best = found.slice().sort(function (a, b) { return last(b) - last(a); }).slice(0, light.length), rows = [];
    best.forEach(function (setting, rank) { // one colour in all charts, where there are enough
      var index = groups.length > light.length ? rank : setting.index;
      setting.points.forEach(function (p) { rows.push(Object.assign({series: setting.name, index: index}, p)); });
    });
    var names = distinct(rows);
    return {
      title: name + ": best reward so far, by setting",
      note: "line: median over the seeds, shade: the middle half" + (found.length > best.length ? "; the " + best.length + " best of " +
        found.length + " settings" : ""), rows: rows,
      columns: [["series", "setting"], ["evaluation", "evaluation"], ["runs", "runs"], ["low", "lower quartile"], ["middle", "median"],
        ["high", "upper quartile"]],
      spec: function (width) {
        var own = {scale: "series", field: "series"}, x = {scale: "x", field: "evaluation"};
        return plot(width, 240, [{name: "rows", values: rows}],
          {title: "evaluations", domain: span(rows.map(function (r) { return r.evaluation; })), format: "~s"},
          {title: "reward", domain: span(rows.map(function (r) { return r.low; }).concat(rows.map(function (r) { return r.high; })))},
          [{type: "group", from: by(rows, "one"), marks: [
            {type: "area", from: {data: "one"}, encode: {update: {x: x, y: {scale: "y", field: "low"}, y2: {scale: "y", field: "high"},
              fill: own, fillOpacity: {value: 0.16}}}},
            {type: "line", from: {data: "one"}, encode: {update: {x: x, y: {scale: "y", field: "middle"}, stroke: own,
              strokeWidth: {value: 2.5}}}},
            {type: "symbol", from: {data: "one"}, encode: {update: {x: x, y: {scale: "y", field: "middle"}, fill: own, size: {value: 26},
              tooltip: {signal: "{setting: datum.series, evaluation: datum.evaluation, runs: datum.runs, median: format(datum.middle, '.4f'), " +
              "'middle half': format(datum.low, '.4f') + ' to ' + format(datum.high, '.4f')}"}}}},
          ]}], legend(names));
      },
    };
  }

  // ---- decisions
  function decisions(label, task, index) {
    var rows = (task.decisions || []).map(function (d) {
      return {name: d.name, before: d.before, after: d.after, was: d.before_word || d.before, is: d.after_word || d.after};
    });
    if (!rows.length) return null;
    // Kernels and widths of one space have no scale in common: shares of the greatest.
    rows.forEach(function (d) { d.share = d.before > 0 ? d.after / d.before : 1; });
    return {
      title: label + ", " + task.task, note: "bar: what was taken, as a share of what stood there before", rows: rows,
      columns: [["name", "decision"], ["was", "before"], ["is", "after"], ["share", "share"]],
      spec: function (width) {
        var y = {scale: "y", field: "name"}, tip = {signal: "{decision: datum.name, before: datum.was, after: datum.is}"};
        return plot(width, Math.max(60, 19 * rows.length + 40), [{name: "rows", values: rows}],
          {title: "share kept", domain: [0, 1], zero: true, format: ".0%"},
          {type: "band", domain: rows.map(function (d) { return d.name; })}, [
            {type: "rect", from: {data: "rows"}, encode: {update: {x: {scale: "x", value: 0}, x2: {scale: "x", value: 1}, y: y,
              height: {scale: "y", band: 1}, stroke: {value: ink("line")}, fill: {value: ink("ground")}, tooltip: tip}}},
            {type: "rect", from: {data: "rows"}, encode: {update: {x: {scale: "x", value: 0}, x2: {scale: "x", field: "share"}, y: y,
              height: {scale: "y", band: 1}, fill: {value: color(index)}, tooltip: tip}}},
            {type: "text", from: {data: "rows"}, encode: {update: {x: {scale: "x", value: 1, offset: -5}, y: {scale: "y", field: "name", band: 0.5},
              align: {value: "right"}, baseline: {value: "middle"}, fontSize: {value: 11},
              fill: {signal: "datum.share > 0.8 ? '" + (isDark() ? "#000000" : "#ffffff") + "' : '" + ink("ink") + "'"},
              text: {signal: "datum.is + ' of ' + datum.was"}}}},
          ]);
      },
    };
  }
  function certainty(label, task) {
    var rows = [];
    (task.steps || []).forEach(function (s) {
      s.entropy.forEach(function (e, i) { rows.push({name: s.name, at: i + 1, until: e.until, episodes: e.episodes, share: e.share}); });
    });
    if (!rows.length) return null;
    var groups = rows.reduce(function (most, r) { return Math.max(most, r.at); }, 1), at = [];
    for (var i = 1; i <= groups; i++) at.push(i);
    return {
      title: label + ", " + task.task, note: "share of the entropy of an even choice", rows: rows,
      columns: [["name", "decision"], ["until", "up to episode"], ["episodes", "episodes looked at"], ["share", "entropy, share"]],
      spec: function (width) {
        return plot(width, Math.max(80, 19 * task.steps.length + 90), [{name: "rows", values: rows}],
          {type: "band", title: "early to late episodes", domain: at, padding: 0.05},
          {type: "band", domain: task.steps.map(function (s) { return s.name; }), padding: 0.08}, [
            {type: "rect", from: {data: "rows"}, encode: {update: {x: {scale: "x", field: "at"}, width: {scale: "x", band: 1},
              y: {scale: "y", field: "name"}, height: {scale: "y", band: 1}, fill: {scale: "share", field: "share"},
              stroke: {value: ink("line")}, tooltip: {signal: "{decision: datum.name, 'up to episode': datum.until, " +
              "'entropy, share': format(datum.share, '.2f')}"}}}},
          ], {scales: [{name: "share", type: "linear", domain: [0, 1], clamp: true,
            range: isDark() ? ["#ffd479", "#26313d"] : ["#08306b", "#f2f6fb"]}],
          legends: [{fill: "share", type: "gradient", orient: "bottom", direction: "horizontal", gradientLength: Math.min(160, width - 120),
            title: "0: sure, 1: even"}]});
      },
    };
  }

  // ---- learning
  var measures = [
    ["lag_mean", "lag, updates"], ["mean_rho", "mean ratio"], ["effective_share", "effective share of samples"],
    ["policy_loss", "policy loss"], ["value_loss", "value loss"], ["imitation_loss", "imitation loss"], ["entropy", "entropy, nats"],
    ["gradient_norm", "norm of the gradient"], ["model_rank", "model: rank correlation"], ["model_error", "model: error"]];
  function learning(measure, runs) {
    var rows = [];
    runs.forEach(function (r) {
      r.run.updates.forEach(function (u) {
        if (u[measure[0]] !== null) {
          rows.push({series: r.label, index: r.index, update: (u.first + u.last) / 2, value: u[measure[0]]});
          if (measure[0] === "lag_mean") rows.push({series: r.label + ", most", index: r.index + 3, update: (u.first + u.last) / 2, value: u.lag_most});
        }
      });
    });
    if (!rows.length) return null;
    if (rows.every(function (r) { return r.value === 0; }) && measure[0] !== "lag_mean") return null;
    var names = distinct(rows);
    return {
      title: measure[1], note: "", rows: rows, columns: [["series", "run"], ["update", "update"], ["value", measure[1]]],
      spec: function (width) {
        var own = {scale: "series", field: "series"}, where = {x: {scale: "x", field: "update"}, y: {scale: "y", field: "value"}};
        return plot(width, 170, [{name: "rows", values: rows}],
          {title: "updates", domain: span(rows.map(function (r) { return r.update; })), format: "~s"},
          {title: "", domain: span(rows.map(function (r) { return r.value; }))},
          [{type: "group", from: by(rows, "one"), marks: [
            {type: "line", from: {data: "one"}, encode: {update: Object.assign({stroke: own, strokeWidth: {value: 1.5}}, where)}},
            {type: "symbol", from: {data: "one"}, encode: {update: Object.assign({fill: own, size: {value: rows.length > 120 ? 6 : 20},
              tooltip: {signal: "{run: datum.series, update: datum.update, '" + measure[1] + "': format(datum.value, '.4~g')}"}}, where)}},
          ]}], names.length > 1 ? legend(names) : {scales: legend(names).scales});
      },
    };
  }

  // ---- time
  function time(label, run) {
    var rows = [], total = run.search.seconds;
    var add = function (process, kinds) {
      var from = 0;
      Object.keys(kinds).forEach(function (kind) {
        var seconds = Math.max(0, kinds[kind] === null ? Math.max(0, total - from) : kinds[kind]);
        rows.push({process: process, kind: kind, seconds: seconds, from: from, to: from + seconds});
        from += seconds;
      });
    };
    run.processes.forEach(function (p) {
      add("actor " + p.actor, {"networks' arithmetic": p.arithmetic_seconds,
        "rest of the environment": p.environment_seconds - p.arithmetic_seconds, "policy": p.policy_seconds, "wire": p.wire_seconds,
        "waiting and the rest": null});
    });
    if (!rows.length || !(total > 0)) return null;
    add("learner", {"learning": run.search.learning_seconds - run.search.model_seconds, "reward model": run.search.model_seconds,
      "waiting and the rest": null});
    var kinds = [], processes = [];
    rows.forEach(function (r) {
      if (kinds.indexOf(r.kind) < 0) kinds.push(r.kind);
      if (processes.indexOf(r.process) < 0) processes.push(r.process);
    });
    var tints = kinds.map(function (k, i) { return k === "waiting and the rest" ? ink("line") : color(i < 4 ? i : i - 1); });
    return {
      title: label + ": the search, per process", note: "", rows: rows,
      columns: [["process", "process"], ["kind", "what"], ["seconds", "seconds"]],
      spec: function (width) {
        return plot(width, 30 * processes.length + 130, [{name: "rows", values: rows}],
          {title: "seconds", domain: [0, rows.reduce(function (most, r) { return Math.max(most, r.to); }, 0)], zero: true},
          {type: "band", domain: processes}, [
            {type: "rect", from: {data: "rows"}, encode: {update: {x: {scale: "x", field: "from"}, x2: {scale: "x", field: "to"},
              y: {scale: "y", field: "process"}, height: {scale: "y", band: 1}, fill: {scale: "kind", field: "kind"},
              tooltip: {signal: "{process: datum.process, what: datum.kind, seconds: format(datum.seconds, '.2f')}"}}}},
          ], {scales: [{name: "kind", type: "ordinal", domain: kinds, range: tints}],
          legends: [{fill: "kind", orient: "bottom", columns: 2, symbolType: "square"}]});
      },
    };
  }

  return {tradeoff: tradeoff, settings: settings, progress: progress, decisions: decisions, certainty: certainty, learning: learning, time: time,
    measures: measures, costs: Object.keys(costs), color: color};
})();
