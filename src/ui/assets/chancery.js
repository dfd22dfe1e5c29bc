// What pages do beyond htmx: copying, ticking all boxes of a list, following an order, and saying what has happened.
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

  // Says something visibly at the head of the page; nothing takes it away.
  function note(id, text, link) {
    var old = document.getElementById(id);
    if (old && old.dataset.text === text) return;
    if (old) old.remove();
    if (!text) return;
    var made = document.createElement('p');
    made.id = id;
    made.className = 'note bad';
    made.setAttribute('role', 'alert');
    made.dataset.text = text;
    made.textContent = text;
    if (link) {
      var anchor = document.createElement('a');
      anchor.href = link;
      anchor.textContent = 'Sign in';
      made.append(' ', anchor);
    }
    document.querySelector('main > header').after(made);
  }

  // A link or a form that got no page in answer: the old one stays, and says so.
  function unanswered(detail, why) {
    var read = ((detail.requestConfig || {}).verb || 'get') === 'get';
    note('unanswered', why + (read ? ' Try again in a moment.' : ' It is not known whether it was done: reload the page to see.'));
  }

  document.addEventListener('htmx:sendError', function (event) {
    unanswered(event.detail, 'The server cannot be reached.');
  });

  document.addEventListener('htmx:beforeSwap', function (event) {
    var answer = event.detail.xhr;
    if (answer.status < 400 || answer.responseText.includes('<main')) return;
    event.detail.shouldSwap = false;
    unanswered(event.detail, 'The server answered with the error ' + answer.status + ' and without a page.');
  });

  // Where the open <details> and the keyboard's focus are, is the reader's: parts that take the place of others keep it.
  document.addEventListener('click', function (event) {
    var summary = event.target.closest('[data-part] summary');
    if (summary) summary.parentElement.dataset.chosen = 'yes';
  });

  function replace(old, part) {
    var active = old.contains(document.activeElement) ? document.activeElement : null;
    var holder = active && active.closest('details[id], a[id]');
    old.querySelectorAll('details[data-chosen]').forEach(function (details) {
      var same = part.querySelector('#' + CSS.escape(details.id));
      if (!same) return;
      same.open = details.open;
      same.dataset.chosen = 'yes';
    });
    old.replaceWith(part);
    window.htmx.process(part);
    if (!active) return;
    var same = holder && document.getElementById(holder.id);
    var goal = same ? same.querySelector('summary') || same : document.querySelector('main h1');
    goal.focus({ preventScroll: true });
  }

  // After how many milliseconds without a word a connection counts as lost: the server says something every few seconds.
  var SILENCE = 12000;

  // Follows an order. Browsers open few connections to a host, so one page of a browser holds a stream: the one that
  // holds the lock. The others come every few seconds for what has changed, and pages that nobody sees do not.
  function follow(region) {
    var seen = region.dataset.seen;
    var fresh = new Date();
    var over = false;
    var watch = 0;
    var source = null;
    var timer = 0;
    var asking = null;
    var release = null;

    // Something has come: the page shows how it is.
    function heard() {
      fresh = new Date();
      note('live-trouble', '');
      mark(true);
      clearTimeout(watch);
      watch = setTimeout(silent, SILENCE);
    }

    // Nothing has come for long: a line that is dead says nothing of it.
    function silent() {
      var time = fresh.toISOString().slice(11, 19) + ' UTC';
      note('live-trouble', 'The connection is lost; the page shows how it was at ' + time + '. Trying again.');
      mark(false);
      clearTimeout(watch);
      watch = setTimeout(start, 3000);
    }

    function mark(now) {
      var word = region.querySelector('[data-now]');
      if (!word) return;
      word.classList.toggle('live', now);
      word.textContent = now ? 'Now' : 'Last seen';
    }

    function close() {
      clearTimeout(timer);
      if (source) source.close();
      source = null;
    }

    function pause() {
      close();
      if (asking) asking.abort();
      if (release) release();
      asking = release = null;
    }

    function stop() {
      over = true;
      clearTimeout(watch);
      pause();
      note('live-trouble', '');
    }

    function standing() {
      return document.querySelector('#live-outcome h2 .badge').textContent;
    }

    function show(event) {
      heard();
      var before = standing();
      var parts = new DOMParser().parseFromString(event.data, 'text/html').querySelectorAll('[data-part]');
      parts.forEach(function (part) {
        var old = document.getElementById(part.id);
        if (old && !old.isEqualNode(part)) replace(old, part);
      });
      seen = event.lastEventId;
      if (standing() !== before) say('The order is now ' + standing() + '.');
    }

    function gone(event) {
      stop();
      mark(false);
      if (event.data === 'session') {
        var next = encodeURIComponent(location.pathname + location.search);
        note('live-trouble', 'Your session is over. Sign in again to follow the order.', '/ui/sign-in?why=over&next=' + next);
      } else {
        note('live-trouble', 'The order is not there any more: the server keeps orders only so long.');
      }
    }

    function open(brief) {
      close();
      var stream = new EventSource(region.dataset.live + '&seen=' + encodeURIComponent(seen) + (brief ? '&brief=yes' : ''));
      var opened = false;
      source = stream;
      stream.onopen = function () {
        opened = true;
        heard();
      };
      // Streams end now and then, and begin anew: only one that does not begin is lost.
      stream.onerror = function () {
        if (!opened) silent();
        opened = false;
        if (stream.readyState === EventSource.CLOSED) timer = setTimeout(function () { open(brief); }, 3000);
      };
      stream.addEventListener('still', heard);
      stream.addEventListener('state', show);
      stream.addEventListener('over', stop);
      stream.addEventListener('gone', gone);
    }

    function start() {
      if (over || document.hidden) return;
      pause();
      clearTimeout(watch);
      watch = setTimeout(silent, SILENCE);
      timer = setTimeout(function () { open(true); }, 300);
      if (!navigator.locks) return;
      var mine = new AbortController();
      asking = mine;
      navigator.locks.request('chancery-live', { signal: mine.signal }, function () {
        if (mine.signal.aborted) return undefined;
        open(false);
        return new Promise(function (done) { release = done; });
      }).catch(function () { /* It is not needed any more. */ });
    }

    start();
    return {
      region: region,
      start: start,
      pause: function () {
        clearTimeout(watch);
        pause();
      }
    };
  }

  var followed = null;

  function attend() {
    var region = document.querySelector('[data-live]');
    if (followed && followed.region === region) return;
    if (followed) followed.pause();
    followed = region && follow(region);
  }

  document.addEventListener('htmx:afterSettle', attend);
  document.addEventListener('visibilitychange', function () {
    if (!followed) return;
    if (document.hidden) followed.pause();
    else followed.start();
  });
  attend();
})();
