/**
 * Replaces `$(NAME)` by the value of NAME; `$$` stands for one `$`; a name without value, an unclosed parenthesis and
 * a lone `$` stay as they are (spec/edged.md §3.4).
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let out = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char !== '$' || at + 1 === text.length) {
      out += char;
      continue;
    }
    const next = text[at + 1];
    if (next === '$') {
      out += '$';
      at += 1;
    } else if (next === '(') {
      const end = text.indexOf(')', at + 2);
      if (end === -1) {
        out += '$(';
        at += 1;
      } else {
        out += lookup(text.slice(at + 2, end)) ?? text.slice(at, end + 1);
        at = end;
      }
    } else {
      out += char;
    }
  }
  return out;
}
