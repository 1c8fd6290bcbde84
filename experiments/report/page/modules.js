"use strict";
// Vega comes in pieces that ask for each other as AMD modules; `module` names the one that follows.
var modules = {}, module;
function define(needs, make) {
  var made = {};
  make.apply(null, needs.map(function (need) {
    if (need === "exports") return made;
    if (!modules[need]) throw new Error(module + " needs " + need);
    return modules[need];
  }));
  modules[module === "vega-selection" ? "vega-selections" : module] = made;
}
define.amd = true;
