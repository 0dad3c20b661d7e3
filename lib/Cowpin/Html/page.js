/* SPDX-License-Identifier: GPL-2.0-only */
/* Filters and the panel. Without this the page has both data and details all the same. */
(function () {
'use strict';

var one = document.querySelector.bind(document);
var all = function (what, where) { return Array.from((where || document).querySelectorAll(what)); };
var words = { p: 'passed', f: 'failed', t: 'todo', s: 'skipped', n: 'not-run' };
var kernels = all('.card').map(function (card) {
	return { slug: card.dataset.slug, name: card.querySelector('h2').firstChild.data.trim() };
});
var panel = one('#panel');
var places;	/* id -> td, made when first needed */
var tables;
var opener;

function element(tag, text, className) {
	var e = document.createElement(tag);

	if (text)
		e.textContent = text;
	if (className)
		e.className = className;
	return e;
}

/* --- the matrix, as data --- */

function read_row(table, tr) {
	var scenario = tr.cells[0].querySelector('b').textContent;
	var front = scenario + (table.provider ? '.' + table.provider : '');

	return { tr: tr, cells: table.kinds.map(function (kind, i) {
		var td = tr.cells[i + 1];
		var cell = { td: td, links: td ? Array.from(td.children) : [],
			     id: front + (kind ? '.' + kind : '') };

		if (cell.links.length)
			places.set(cell.id, cell);
		cell.differs = cell.links.some(function (a) {
			return a.className !== cell.links[0].className;
		});
		return cell;
	}) };
}

function read_table(e) {
	var table = { section: e.closest('section'), provider: e.dataset.provider,
		      kinds: e.dataset.kinds.split(' '), heads: new Map(), hidden: [] };

	all('th[data-k]', e).forEach(function (th) { table.heads.set(th.dataset.k, th); });
	table.families = all('th[colspan]', e);
	table.rows = Array.from(e.tBodies[0].rows, function (tr) { return read_row(table, tr); });
	return table;
}

function read_tables() {
	if (tables)
		return;
	places = new Map();
	tables = all('.m').map(read_table);
}

/* --- filters --- */

function wanted() {
	var off = all('[data-kernel]').map(function (box) { return !box.checked; });
	var verdicts = {}, only = one('#only');

	all('[data-verdict]').forEach(function (box) {
		verdicts[box.dataset.verdict] = box.checked;
	});
	return { off: off, verdicts: verdicts, only: only && only.checked,
		 words: one('#text').value.toLowerCase().split(/\s+/).filter(Boolean) };
}

function has_words(id, want) {
	var low = id.toLowerCase();

	return want.every(function (word) {
		return word[0] === '!' ? word.length < 2 || !low.includes(word.slice(1))
				       : low.includes(word);
	});
}

/* Returns how many verdicts of this cell are shown. */
function filter_cell(cell, want) {
	var fits = has_words(cell.id, want.words) && (!want.only || cell.differs);

	return cell.links.reduce(function (sum, a, k) {
		var show = fits && !want.off[k] && a.className !== '' &&
			   want.verdicts[a.className[0]];

		a.classList.toggle('o', a.className !== '' && !show);
		return sum + (show ? 1 : 0);
	}, 0);
}

function show_column(table, i, show) {
	if (!table.hidden[i] === show)
		return;
	table.hidden[i] = !show;
	table.heads.get(table.kinds[i]).hidden = !show;
	table.rows.forEach(function (row) {
		if (row.cells[i].td)
			row.cells[i].td.hidden = !show;
	});
}

/* A head is as wide as what is left of its family. */
function show_families(table) {
	var at = 0;

	table.families.forEach(function (th) {
		var size = +(th.dataset.size || (th.dataset.size = th.colSpan));
		var left = 0;

		while (at < table.kinds.length && table.heads.get(table.kinds[at]).rowSpan > 1)
			at++;
		for (var i = 0; i < size; i++, at++)
			left += table.hidden[at] ? 0 : 1;
		th.hidden = !left;
		if (left)
			th.colSpan = left;
		th.classList.toggle('v', left * 3 <= th.textContent.length && left < 7);
	});
}

function filter_table(table, want) {
	var columns = table.kinds.map(function () { return 0; }), sum = 0;

	table.rows.forEach(function (row) {
		var shown = 0;

		row.cells.forEach(function (cell, i) {
			var n = filter_cell(cell, want);

			columns[i] += n;
			shown += n;
		});
		row.tr.hidden = !shown;
		sum += shown;
	});
	columns.forEach(function (n, i) { show_column(table, i, n > 0); });
	show_families(table);
	table.section.hidden = !sum;
	return sum;
}

function filter_changes(want) {
	all('.part li').forEach(function (li) {
		li.hidden = !has_words(li.lastChild.data.trim(), want.words);
	});
	all('.part, .change').forEach(function (e) {
		e.hidden = !e.querySelector('li:not([hidden])');
	});
}

function filter() {
	var want = wanted(), sum = 0;

	read_tables();
	want.off.forEach(function (off, k) { one('#main').classList.toggle('nk' + k, off); });
	tables.forEach(function (table) { sum += filter_table(table, want); });
	filter_changes(want);
	one('#shown').value = sum + ' shown';
}

/* --- the panel --- */

function letter_of(a) {
	return a.className ? element('b', a.textContent, a.className[0] + ' badge')
			   : element('b', '-', 'badge');
}

/* The same test on each kernel. */
function kernel_links(cell, slug) {
	var p = element('p', '', 'kernels');

	cell.links.forEach(function (a, k) {
		var link = element('a');

		link.href = '#' + kernels[k].slug + '/' + cell.id;
		link.append(letter_of(a), ' ' + kernels[k].name);
		if (kernels[k].slug === slug)
			link.setAttribute('aria-current', 'true');
		p.append(link);
	});
	return p;
}

/* What failures of a scenario have in common, with the step where this one went wrong. */
function footer_of(section) {
	var footer = section.parentNode.querySelector('footer').cloneNode(true);
	var step = footer.querySelectorAll('.steps li')[section.dataset.step - 1];
	var common = footer.querySelector('.common'), steps = footer.querySelector('.steps');

	if (step)
		step.className = 'here';
	if (common)
		common.before(element('p', 'As other failures of this scenario', 'label'));
	footer.querySelector('.close').remove();
	if (steps)
		steps.before(element('p', 'Steps', 'label'));
	return footer;
}

function fill_failure(section) {
	var copy = section.cloneNode(true);

	copy.removeAttribute('id');
	copy.querySelector('h3').remove();
	copy.querySelector('pre').before(element('p', 'Diagnosis', 'label'));
	panel.append(copy, footer_of(section));
}

function fill_article(article) {
	var copy = article.cloneNode(true);

	copy.querySelector('.close').remove();
	panel.append.apply(panel, Array.from(copy.childNodes));
}

function start_panel(id) {
	var close = element('a', 'close', 'close'), h = element('h3', id);

	close.href = '#close';
	h.id = 'panel-id';
	panel.replaceChildren(close, h);
	panel.scrollTop = 0;
	panel.hidden = false;
	close.focus({ preventScroll: true });
}

function fill_cell(cell, slug) {
	var k = kernels.findIndex(function (kernel) { return kernel.slug === slug; });
	var a = cell.links[k], target = a && a.getAttribute('href');

	target = target && document.getElementById(target.slice(1));
	panel.append(kernel_links(cell, slug));
	if (target && target.localName === 'section')
		fill_failure(target);
	else if (target)
		fill_article(target);
	else
		panel.append(element('p', a && words[a.className[0]] || 'no such test'));
	if (a)
		a.classList.add('now');
}

function close_panel() {
	if (panel.hidden)
		return;
	panel.hidden = true;
	all('.now').forEach(function (a) { a.classList.remove('now'); });
	if (opener && opener.isConnected)
		opener.focus({ preventScroll: true });
}

/* What follows "#"; a stray "%" is itself. */
function read_hash() {
	try {
		return decodeURIComponent(location.hash.slice(1));
	} catch (e) {
		return location.hash.slice(1);
	}
}

/* Each test has an address, SLUG/ID: one can send it to somebody. */
function show_hash() {
	var hash = read_hash(), at = hash.indexOf('/');
	var slug = hash.slice(0, at), id = hash.slice(at + 1), cell, target;

	all('.now').forEach(function (a) { a.classList.remove('now'); });
	if (at < 0 || !kernels.some(function (kernel) { return kernel.slug === slug; }))
		return close_panel();
	read_tables();
	cell = places.get(id);
	target = document.getElementById(hash);
	if (cell) {
		start_panel(id);
		fill_cell(cell, slug);
	} else if (target && target.localName === 'article') {
		start_panel('');
		fill_article(target);
	} else {
		close_panel();
	}
}

function click_cell(event) {
	var a = event.target.closest('.m td a'), found;

	if (!a || !a.className)
		return;
	event.preventDefault();
	read_tables();
	places.forEach(function (cell) {
		if (cell.td === a.parentNode)
			found = cell;
	});
	opener = a;
	location.hash = kernels[found.links.indexOf(a)].slug + '/' + found.id;
}

function leave() {
	history.replaceState(null, '', location.pathname + location.search);
	close_panel();
}

/* --- */

/* The letters of a kernel that is not wanted take no room. */
function add_kernel_rules() {
	one('head').append(element('style', kernels.map(function (kernel, k) {
		var nth = ':nth-child(' + (k + 1) + ')';

		return '.nk' + k + ' td > a' + nth + ', .nk' + k + ' th u' + nth +
		       ' { display: none; }';
	}).join('\n')));
}

document.documentElement.classList.add('js');
add_kernel_rules();
one('#filters').hidden = false;
one('#filters').addEventListener('input', filter);
one('#filters').addEventListener('submit', function (event) { event.preventDefault(); });
document.addEventListener('click', click_cell);
document.addEventListener('click', function (event) {
	if (event.target.closest('.close')) {
		event.preventDefault();
		leave();
	}
});
document.addEventListener('keydown', function (event) {
	if (event.key === 'Escape' && !panel.hidden)
		leave();
});
addEventListener('hashchange', show_hash);
show_hash();
}());
