// What pages do beyond htmx: copying, ticking all boxes of a list, and saying aloud what has happened.
(function () {
  'use strict';

  function say(text) {
    var region = document.getElementById('said');
    if (region) region.textContent = text;
  }

  document.addEventListener('click', function (event) {
    var button = event.target.closest('[data-copy]');
    if (!button) return;
    var source = document.getElementById(button.dataset.copy);
    navigator.clipboard.writeText(source.textContent.trim()).then(
      function () {
        button.classList.add('copied');
        say('Copied.');
        setTimeout(function () { button.classList.remove('copied'); }, 2000);
      },
      function () { say('The browser does not let this page copy; select the text instead.'); }
    );
  });

  document.addEventListener('change', function (event) {
    var all = event.target.closest('[data-all]');
    if (!all) return;
    all.form.querySelectorAll('input[name="item"]').forEach(function (box) { box.checked = all.checked; });
  });

  // A page that was swapped in is read from its heading on, as one that was loaded.
  document.addEventListener('htmx:afterSettle', function (event) {
    if (event.target !== document.body) return;
    var heading = document.querySelector('main h1');
    if (heading) heading.focus({ preventScroll: true });
  });
})();
