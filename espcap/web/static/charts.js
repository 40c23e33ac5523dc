// What the charts over time share: size, axes, and a range of time that is selected by dragging.

import { submit } from "./view.js";

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const asTime = (seconds) => new Date(Math.round(seconds * 1000)).toISOString();
const drawn = new Map();

// Returns the label of a tick, whose precision depends on the distance of ticks: days, minutes, seconds or less.
function label(seconds, distance) {
  const time = asTime(seconds);
  if (distance >= 86_400) return time.slice(0, 10);
  return time.slice(11, distance >= 60 ? 16 : distance >= 1 ? 19 : 23);
}

const size = (place) => ({ width: Math.max(200, place.clientWidth), height: 104 });

function axes() {
  const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  return [
    { ...axis, size: 28, space: 90, values: (_, ticks, __, ___, distance) => ticks.map((tick) => label(tick, distance)) },
    { ...axis, size: 64, space: 22, values: (_, ticks) => ticks.map((tick) => tick.toLocaleString("en")) },
  ];
}

function selectTimes(plot) {
  const { left, width } = plot.select;
  if (width < 2) return;
  submit({ since: asTime(plot.posToVal(left, "x")), until: asTime(plot.posToVal(left + width, "x")) });
}

// Draws a chart in the element with this identifier. `lines` returns the values and the series of its dataset.
function draw(identifier, lines) {
  drawn.get(identifier)?.destroy();
  drawn.delete(identifier);
  const place = document.getElementById(identifier);
  if (!place) return;
  const times = place.dataset.times.split(" ").map((time) => Date.parse(time) / 1000);
  const step = times.length > 1 ? times[1] - times[0] : 1;
  const found = lines(place.dataset);
  const options = {
    ...size(place),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: { x: { range: () => [times[0], times[times.length - 1] + step] }, y: { range: (_, __, most) => [0, most || 1] } },
    axes: axes(),
    series: [{}, ...found.map((line) => line.series)],
    hooks: { setSelect: [selectTimes] },
  };
  drawn.set(identifier, new uPlot(options, [times, ...found.map((line) => line.values)], place));
}

// Draws a chart now and whenever its element comes, or the colours change.
export function chart(identifier, lines) {
  htmx.onLoad((part) => {
    if (part.id === identifier || part.querySelector?.(`#${identifier}`) || part.id === "over-time") draw(identifier, lines);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(identifier, lines));
}

addEventListener("resize", () => drawn.forEach((plot, identifier) => plot.setSize(size(document.getElementById(identifier)))));
