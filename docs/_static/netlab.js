// SPDX-License-Identifier: GPL-2.0-or-later
// What is wider than the page scrolls by itself: who has no mouse reaches it by Tab.
for (const box of document.querySelectorAll(".highlight pre, .table-wrapper")) {
  box.tabIndex = 0;
}
