// What the documentation page can do only in a browser; without this script it reads the same.

"use strict";

const root = document.documentElement;

function rememberedTheme() {
  try {
    return localStorage.getItem("toril-theme");
  } catch {
    return null; // storage is forbidden: follow the system
  }
}

function showTheme(theme) {
  if (theme) {
    root.dataset.theme = theme;
  } else {
    delete root.dataset.theme;
  }
}

function offerThemes() {
  const button = document.getElementById("theme");
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const label = () => {
    button.textContent = dark() ? "Light" : "Dark";
    button.title = `Show in ${dark() ? "light" : "dark"} colours`;
  };
  button.addEventListener("click", () => {
    const chosen = dark() ? "light" : "dark";
    showTheme(chosen);
    try {
      localStorage.setItem("toril-theme", chosen);
    } catch {
      // not remembered, then
    }
    label();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();
  button.hidden = false;
}

// Commands are shown for the place that this page came from.
function showRealAddress() {
  const base = new URL(".", location.href).href.replace(/\/$/, "");
  for (const url of document.querySelectorAll(".url")) {
    url.textContent = url.textContent.replace("http://localhost:8000", base);
  }
}

function offerCopies() {
  if (!navigator.clipboard) {
    return;
  }
  for (const sample of document.querySelectorAll(".sample")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(sample.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    sample.append(button);
  }
}

// Marks the section that is being read.
function followReading() {
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter((entry) => entry.isIntersecting)) {
        links.forEach((link) => link.removeAttribute("aria-current"));
        links.get(entry.target.id)?.setAttribute("aria-current", "true");
      }
    },
    { rootMargin: "-15% 0px -75% 0px" },
  );
  links.forEach((_, id) => observer.observe(document.getElementById(id)));
}

showTheme(rememberedTheme());
offerThemes();
showRealAddress();
offerCopies();
followReading();
