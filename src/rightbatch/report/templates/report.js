(() => {
  "use strict";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const plots = [...document.querySelectorAll(".plot")];

  // Colours in a figure are names of CSS variables; Plotly wants their values.
  const themed = (text) => {
    const style = getComputedStyle(root);
    return text.replace(/var\((--[a-z-]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
  };

  const draw = () => {
    for (const plot of plots) {
      const source = document.getElementById(plot.dataset.source).textContent;
      const { data, layout } = JSON.parse(themed(source));
      const narrow = plot.clientWidth < 560;
      layout.font.size = narrow ? 12 : 13;
      layout.legend.y = narrow ? -0.24 : -0.17;
      Plotly.react(plot, data, layout, { responsive: true, displayModeBar: false });
    }
  };

  draw();
  dark.addEventListener("change", draw);
  addEventListener("beforeprint", () => {
    root.classList.add("printing");
    document.querySelectorAll("details").forEach((part) => { part.open = true; });
    draw();
  });
  addEventListener("afterprint", () => {
    root.classList.remove("printing");
    draw();
  });
})();
