// Adds up what is ticked. Nothing is kept and nothing is sent; without this the table is added up by hand.
(function () {
  "use strict";
  var form = document.getElementById("sum");
  var total = document.getElementById("total");
  document.getElementById("result").hidden = false;
  form.addEventListener("change", function () {
    var points = 0;
    form.querySelectorAll("input:checked").forEach(function (box) { points += Number(box.value); });
    total.textContent = String(points);
  });
})();
