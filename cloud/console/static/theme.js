// Sets the remembered theme before the first paint; a classic script in <head> for that reason.
// "system" follows prefers-color-scheme; the button and the key `t` go through system, light, dark.
"use strict";

(function () {
  const THEMES = ["system", "light", "dark"];
  const root = document.documentElement;

  function remembered() {
    try {
      const theme = localStorage.getItem("plantpulse-theme");
      return THEMES.includes(theme) ? theme : "system";
    } catch {
      return "system"; // storage may be forbidden by the browser
    }
  }

  function set(theme) {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    try {
      localStorage.setItem("plantpulse-theme", theme);
    } catch {
      // not remembered then
    }
    const button = document.getElementById("theme");
    if (button) button.lastElementChild.textContent = "Theme: " + theme;
    window.dispatchEvent(new Event("themechange"));
  }

  window.nextTheme = () => set(THEMES[(THEMES.indexOf(remembered()) + 1) % THEMES.length]);
  set(remembered());
  document.addEventListener("DOMContentLoaded", () => {
    set(remembered());
    document.getElementById("theme").addEventListener("click", window.nextTheme);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.dispatchEvent(new Event("themechange")));
})();
