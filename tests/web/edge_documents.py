"""Documents at which a block streamer goes wrong: nested and loose lists, late references, fences in everything."""

from __future__ import annotations

DOCUMENTS = (
    "# H\n\npara *a* **b** `c`\nline\n\n- a\n  - b\n\n    p\n- d\n\n1. x\n2. y\n",
    "Setext\n===\n\nT2\n---\npara\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n| 3 | 4 |\nafter",
    "> q\n> ```py\n> x=1\n> ```\nlazy\n\n> b",
    "````md\n```py\nx\n```\n````\n~~~\na\n~~~\n\n```js\nlet a = 1;\n```\n```\nunclosed\n  b",
    'See [a][x] and [y].\n\n[x]: http://e.com/a "t"\n[y]: <http://e.com/b>\n\nmore [a][x]\n',
    "<b>raw</b> <script>alert(1)</script>\n\n<div onclick=x>\n\nhi\n</div>\n\n[j](javascript:alert(1)) "
    "[d](data:text/html,x) ![i](http://e.com/i.png) ![r][q]\n\n[q]: http://evil/x.png",
    "a\r\nb\r\n\r\n- c\r\n- d\r\n",
    "- a\n```\ncode\n```\n- b\n\n  ```\n  in list\n  ```\n- c",
    "a\n\n\n\nb\n\n\n  \nc\n1\n2\n2. x\n10\n10. y",
    "Math $$a+b$$ and \\(x^2\\) and $4 and $5.\n\n$$\n\\frac{a}{b}\n$$\n\npara\n\\[\nx = 1\n- 2\n\\]\n\ntext\n$$\n"
    "never closed\n\nend\n$$ x $$ tail\npara\n$$\na\n$$ tail",
    "    code\n\n\n    more\n\n  x\n\ttab\n***\n___\nend\n* * *",
    "https://example.com/a_b_c README.md main.py <https://x.org> a_b_c user@x.org\n\n\u202eevil\u202c `x\u2066y`\n"
    "```\nif \u202e x\n```\n",
    "  ```py\n  a\n    b\n ```\nt\n\n> a\n\n\n> b\n- \n- x\n\n\n- y\n+ z\n",
    "```\na\n```\n```\nb\n```\n```x\n",
    "see\n\n```mermaid\nflowchart TD\n  A-->B\n```\n\n- ```mermaid\n  sequenceDiagram\n    A->>B: hi\n  ```\n\n"
    "```mermaid\npie\n```\n",
    "Roses are red\nviolets  \nare blue\\\nso\n\n| a | b |\n|---|---|\n"
    "| x<br>y<BR />z | `<br>` \\<br> <b>k</b> |\n\n<br> outside\n",
    "$x^2$ and $a\nb$, $3, cake $4.50, US$5–$9, $PATH and $HOME; a $$b$$ c\n\n- $x$ and `$y$`\n\n"
    "\\$1 \\(z\\) $\\frac{1$ "
    "$$\\href{x}{y}$$\n\n$$\n\\frac{1\n$$\n\nend",
    "- [ ] a\n- [x] **b**\n  - [X] c\n- [ ]\n- [x](http://e.com)\n- [ ] $x$\n\ntext\n\n1. [ ] one\n\n"
    "   two\n2. [x] three\n",
    "a[^1] b[^n], none[^zz] and `[^1]`\n\n- in a list[^1]\n\n[^1]: first *note*\n    goes on\n\n"
    "    ```py\n    x = 1\n    ```\n"
    "[^n]: second[^1]\n[^1]: of the same name\n\n[^alone]: nothing points here\n\nafter them",
    "early[^2]\n\n```\n[^2]: code\n```\n\nno note follows[^3]\n\n> [^2]: quoted\n",
    "see[^9]\n\n[^9]: note\n\n[x]: http://e.com\n\nmore [x]\n\n| a |\n|---|\n| b[^9] |",
    "> [!NOTE]\n> text\n> more\n\n> [!warning]\n>\n> - a\n>\n> b\n\n> [!TIP]\n\n> [!NOTE] not\n\n"
    "- > [!Caution]\n  > deep\nend",
    "* **开源：**代码公开。\n* 含**「重点」**内容\n\n"
    "**Bold text.**Next words **x**, **a**“**b**” 2**3**4 *a.*b __c.__d",
    "1. مرحبا `code()` بك\n2. two\n\n   - شلوم\n\n> اقتباس\n> more\n\n| اسم | value |\n|---|---|\n"
    "| أ | 1 |\n\n- one\n\n  para\n- two\n",
    "text\n" + "word *a* " * 6000 + "\n\n```\n" + "x" * 60_000 + "\n```\n\nend",
)
STEPS = (1, 2, 3, 5, 7, 11, 1_000_000)
# A long document in small steps is thousands of renders.
LONG = 10_000
STEPS_OF_LONG_ONES = (997, 20_011, 1_000_000)
