# The table of core.sh, from its measurements: of those of `build` with so many `threads`, a line a model and test, in the order in
# which they came. `programs` are their names, with | between them, Ingle first.

$1 == build && $2 == threads {
  cell = $3 " | " $4
  if (!(cell in rounds)) cells[++n_cells] = cell
  if ($5 > rounds[cell]) rounds[cell] = $5
  speed[cell, $6, $5] = $7
  speeds[cell, $6] = speeds[cell, $6] " " $7
  if ($8 > peak[cell, $6]) peak[cell, $6] = $8
  if ($6 == "ingle" && $9 != "") {
    before[cell] = before[cell] " " $9
    after[cell] = after[cell] " " $10
    if ($11 != "") share[cell] = share[cell] " " $11
  }
  if ($13 == 0) loud[cell]++
}

# Sorts the numbers of a text into `x`; how many there are.
function sorted(text, x,   n, i, j, it) {
  n = split(text, x, " ")
  for (i = 2; i <= n; i++) {
    it = x[i] + 0
    for (j = i - 1; j > 0 && x[j] + 0 > it; j--) x[j + 1] = x[j]
    x[j + 1] = it
  }
  return n
}

function median(text,   x, n) {
  n = sorted(text, x)
  return n % 2 ? x[(n + 1) / 2] : (x[n / 2] + x[n / 2 + 1]) / 2
}

# The program of the others whose median is highest.
function best(cell,   i, most, found) {
  for (i = 2; i <= n_programs; i++) {
    if (median(speeds[cell, name[i]]) > most) {
      most = median(speeds[cell, name[i]])
      found = name[i]
    }
  }
  return found
}

# Round by round; a ratio counts when all of its spread lies on one side of 1.
function ratios(cell, other,   r, text, x, n, goal, verdict) {
  for (r = 1; r <= rounds[cell]; r++) {
    if ((cell, "ingle", r) in speed) text = text " " speed[cell, "ingle", r] / speed[cell, other, r]
  }
  n = sorted(text, x)
  goal = cell ~ /\| pp/ ? 1.5 : 1.05
  verdict = x[1] <= 1 && x[n] >= 1 ? "undecided" : (median(text) >= goal ? "reached" : "missed")
  return sprintf("%.2f (%.2f … %.2f) | %.2f %s", median(text), x[1], x[n], goal, verdict)
}

function roofline(cell) {
  if (!(cell in before)) return "-"
  return sprintf("%s of %.1f, %.1f", (cell in share) ? sprintf("%.0f%%", median(share[cell])) : "from the cache",
    median(before[cell]), median(after[cell]))
}

END {
  n_programs = split(programs, name, "|")
  head = "| model | test |"
  line = "|---|---|"
  for (i = 1; i <= n_programs; i++) {
    head = head " " name[i] " |"
    line = line "---|"
  }
  print head " Ingle / best | goal | of GB/s before, after | MiB, Ingle and best | rounds |"
  print line "---|---|---|---|---|"
  for (c = 1; c <= n_cells; c++) {
    cell = cells[c]
    row = "| " cell " |"
    for (i = 1; i <= n_programs; i++) row = row sprintf(" %.2f |", median(speeds[cell, name[i]]))
    other = best(cell)
    row = row sprintf(" %s | %s | %d, %d |", ratios(cell, other), roofline(cell), peak[cell, "ingle"], peak[cell, other])
    print row " " rounds[cell] (loud[cell] ? ", " loud[cell] " measurements on a busy machine" : "") " |"
  }
}
