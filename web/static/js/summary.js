// The summary of a job: printed as it stands.
"use strict";
{
  const button = document.getElementById("print");
  button.hidden = false;
  button.addEventListener("click", () => print());
  // A picture may have failed before page.js was there to see it.
  for (const image of document.images) if (image.complete && !image.naturalWidth) image.classList.add("missing");
}
