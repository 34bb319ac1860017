"""The style sheet of the report: light and dark, on a phone and on paper."""

from __future__ import annotations

import itertools

from kljax.tables._svg import position


def _bands() -> str:
    """The scale of nats as a striped background, a stripe a word."""
    marks = [round(100 * position(bound), 1) for bound in (0.005, 0.02, 0.05, 0.125)]
    stops = [0, *marks, 100]
    stripes = ",".join(f"var(--s{j}) {low}% {high}%" for j, (low, high) in enumerate(itertools.pairwise(stops)))
    return f"linear-gradient(90deg,{stripes})"


CSS = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#57606a;--line:#d8dee4;--soft:#f6f8fa;--ref:#57606a;
--cur:#7fb2e5;--nat:#b4530a;--dot:#1b1f24;--s0:#eef1f4;--s1:#e3ecf5;--s2:#fbeccb;--s3:#f9d9bd;--s4:#f5c1b6;
--h1:#cfe0f2;--h2:#9dc1e4;--h3:#f0b27a;--h4:#e0705a;--dif:#b42318;--difb:#fdecea;--same:#166b2c;--sameb:#e9f7ec;--und:#7d4f00;--undb:#fff3d6;--neg:#4a535c;--negb:#eef1f4}
@media(prefers-color-scheme:dark){:root{--bg:#0f1419;--fg:#e6edf3;--dim:#9ba7b3;--line:#30373f;--soft:#171d24;
--ref:#c3ccd5;--cur:#2f6aa5;--nat:#f0a45d;--dot:#fff;--s0:#232b34;--s1:#263c54;--s2:#5a4a17;--s3:#6b451c;--s4:#7a342c;
--h1:#20405f;--h2:#2f6aa5;--h3:#a5622b;--h4:#b8402c;--dif:#ff9d90;--difb:#3a1714;--same:#74d68d;--sameb:#12291a;--und:#f0c35a;--undb:#32270c;--neg:#b8c2cc;--negb:#232a32}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main,header,footer{max-width:68rem;margin:0 auto;padding:0 1.25rem}
h1{font-size:1.6rem;line-height:1.25;margin:2rem 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.5rem 0 .5rem}
h3{font-size:1rem;margin:1.25rem 0 .25rem}
p{margin:.5rem 0;max-width:46rem}
small,.d{color:var(--dim);font-size:.875rem}
.status{display:flex;gap:.75rem;align-items:baseline;padding:.8rem 1rem;
border-radius:.5rem;margin:1rem 0;font-size:1.1rem}
.status b{white-space:nowrap}
.different{color:var(--dif);background:var(--difb)}.same{color:var(--same);background:var(--sameb)}
.undecided{color:var(--und);background:var(--undb)}.negligible{color:var(--neg);background:var(--negb)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.75rem;margin:1rem 0;padding:0}
.cards div{border:1px solid var(--line);border-radius:.5rem;padding:.7rem .9rem}
.cards dt{color:var(--dim);font-size:.875rem}
.cards dd{margin:0;font-size:1.15rem;font-variant-numeric:tabular-nums}
.cards small{display:block}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{text-align:left;color:var(--dim);font-size:.875rem;padding:.25rem 0}
th,td{text-align:left;vertical-align:top;padding:.5rem .6rem .5rem 0;border-bottom:1px solid var(--line)}
thead th{color:var(--dim);font-weight:600;font-size:.8125rem;white-space:nowrap}
tbody th{font-weight:600;overflow-wrap:anywhere}
tbody th small{display:block;font-weight:400;max-width:34rem}
.z{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.v{display:inline-block;border-radius:1rem;padding:.05rem .6rem;font-size:.8125rem;font-weight:600;white-space:nowrap}
.k{width:96px;height:26px;display:block}.h{width:100%;max-width:34rem;display:block;overflow:visible}
.c{fill:var(--cur)}.r{fill:none;stroke:var(--ref);stroke-width:1.4}.n{fill:var(--nat)}
.h text{font-size:11px;fill:var(--dim)}
.i{width:120px;height:18px;display:block;margin-left:auto;border-radius:3px;background:BANDS}
.i path{fill:none;stroke:var(--dot);stroke-width:1.6}.i circle{fill:var(--dot)}
.key i{display:inline-block;width:1.1em;height:.8em;margin:0 .3em 0 .8em;border:1.5px solid var(--ref)}
.key i.c{background:var(--cur);border-color:var(--cur)}.key i.n{background:var(--nat);border-color:var(--nat)}
details{border:1px solid var(--line);border-radius:.5rem;margin:.5rem 0;padding:0 1rem}
summary{cursor:pointer;padding:.6rem 0;font-weight:600;overflow-wrap:anywhere}
summary .v{margin-left:.5rem}
details[open]{padding-bottom:1rem}
summary:focus-visible,.x:focus-visible{outline:3px solid var(--cur);outline-offset:2px}
.two td,.two th{padding:.25rem .6rem .25rem 0}
.w{white-space:nowrap}
.two{display:grid;grid-template-columns:minmax(0,1.2fr) minmax(0,1fr);gap:1.5rem;align-items:start}
.x{overflow-x:auto}
.b{background:var(--soft);border-radius:3px;min-width:5rem}
.b i{display:block;height:.5rem;border-radius:2px;background:var(--cur)}
.b i+i{background:none;border:1.5px solid var(--ref);margin-top:2px}
.heat tbody th{min-width:7rem;overflow-wrap:break-word}
.heat i{display:inline-block;width:1.1em;height:.9em;margin:0 .3em 0 .8em}
.q0{fill:var(--s0);background:var(--s0)}.q1{fill:var(--h1);background:var(--h1)}.q2{fill:var(--h2);background:var(--h2)}
.q3{fill:var(--h3);background:var(--h3)}.q4{fill:var(--h4);background:var(--h4)}
.q9{fill:none;stroke:var(--line);border:1px solid var(--line)}
.p{stroke:var(--dot);stroke-width:5;stroke-linecap:round}
footer{margin-top:3rem;padding-bottom:3rem;color:var(--dim);font-size:.875rem;overflow-wrap:anywhere}
@media(max-width:42rem){main,header,footer{padding:0 .9rem}h1{font-size:1.35rem}.o{display:none}
.two{grid-template-columns:minmax(0,1fr)}.status{flex-direction:column;gap:.2rem}.status b{white-space:normal}
.t thead{position:absolute;clip-path:inset(50%)}
.t tr{display:grid;grid-template-columns:auto 1fr;border-bottom:1px solid var(--line)}
.t th,.t td{border:0;padding-right:0}.t tbody th{grid-column:1/3;padding-bottom:0}.w{white-space:normal}}
@media print{body{font-size:11pt}details{break-inside:avoid}
details::details-content{content-visibility:visible;block-size:auto}
.status,.v,.i,.c,.n{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
""".replace("BANDS", _bands())
