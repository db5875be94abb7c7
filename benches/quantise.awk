# The table of quantise.sh, from its cells: TYPE,rmse,FORMAT,TENSORS,WEIGHTS,INGLE,LLAMA.CPP and TYPE,bytes,INGLE,LLAMA.CPP and
# TYPE,WRITER,perplexity,JUDGE,VALUE. `formats` are the types in order, `judges` those who judged; the bound is for what ingle judges.

# What was noted of a comparison that was stopped is noted again.
$2 == "rmse" && $3 == "different" { others[$1] = $4 " tensors of unlike formats" }
$2 == "rmse" && $3 != "different" && ($6 > 0 || $7 > 0) {
  if (!(($1, $3) in ratio)) order[$1] = order[$1] " " $3
  # The tool says seven digits: what differs by less is the same.
  ratio[$1, $3] = $6 <= $7 * 1.000001 && $6 >= $7 * 0.999999 ? 1 : ($7 > 0 ? $6 / $7 : 999)
}
$2 == "bytes" { bytes[$1] = $3 / $4 }
$3 == "perplexity" { perplexity[$1, $2, $4] = $5 }

function lost(type,   names, n, i, text) {
  n = split(order[type], names, " ")
  holds = "yes"
  for (i = 1; i <= n; i++) {
    text = text (i > 1 ? ", " : "") names[i] " " sprintf("%.4f", ratio[type, names[i]])
    if (ratio[type, names[i]] > 1) holds = "NO"
  }
  if (type in others) text = text (n > 0 ? "; " : "") others[type]
  return text == "" ? "nothing" : text
}

END {
  n = split(formats, types, " ")
  m = split(judges, names, " ")
  head = "| type | RMSE, Ingle / llama.cpp | at most 1 |"
  line = "|---|---|---|"
  for (j = 1; j <= m; j++) {
    head = head " perplexity by " names[j] ": Ingle's file | llama.cpp's | ratio |"
    line = line "---|---|---|"
    if (names[j] == "ingle") {
      head = head " at most 1.005 |"
      line = line "---|"
    }
  }
  print head " bytes, Ingle / llama.cpp |"
  print line "---|"
  for (i = 1; i <= n; i++) {
    text = lost(types[i])
    row = "| " types[i] " | " text " | " holds " |"
    for (j = 1; j <= m; j++) {
      a = perplexity[types[i], "ingle", names[j]]
      b = perplexity[types[i], "llama.cpp", names[j]]
      row = row sprintf(" %.4f | %.4f | %.4f |", a, b, a / b)
      if (names[j] == "ingle") row = row (a <= 1.005 * b ? " yes |" : " NO |")
    }
    printf "%s %.4f |\n", row, bytes[types[i]]
  }
}
