/** @file The page's style sheet. Colours are named by what they mean; charts use the same names. */

const LIGHT = `
--paper:#fff;--sunken:#f5f6f8;--ink:#16191f;--muted:#5a6270;--line:#dfe3e9;--accent:#1d5fbf;
--attacked:#c2410c;--attacked-soft:#fdeee5;--certified:#0f6fae;--certified-soft:#e5f1fa;
--undecided:#a9b0bb;--undecided-soft:#eceef2;--clean:#6b7482;--wrong:#3a3f49;
--good:#15703c;--good-soft:#e6f4eb;--bad:#b3141f;--bad-soft:#fdebec;--open:#8a5a00;--open-soft:#fdf3dc;
--violet:#6435a8;--violet-soft:#f0eafa;--seal-ink:#fff;`;

const DARK = `
--paper:#14171c;--sunken:#1c2027;--ink:#e9ecf1;--muted:#a2abb9;--line:#323843;--accent:#7fb2ff;
--attacked:#ff9460;--attacked-soft:#3a2117;--certified:#5db6f2;--certified-soft:#142c3f;
--undecided:#6b7585;--undecided-soft:#252a33;--clean:#98a2b1;--wrong:#c3cad5;
--good:#63cf8d;--good-soft:#14301f;--bad:#ff7d85;--bad-soft:#3b181b;--open:#f0bb4e;--open-soft:#352a12;
--violet:#bb9bf2;--violet-soft:#2b2140;--seal-ink:#14171c;`;

const BASE = `
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif;overflow-wrap:anywhere}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.9em}
h1,h2,h3{line-height:1.2;letter-spacing:-.012em;text-wrap:balance}
h2{font-size:1.7rem;margin:0 0 .6rem}
h3{font-size:1.12rem;margin:2rem 0 .6rem}
p{margin:0 0 .8rem}
a{color:var(--accent)}
a:focus-visible,summary:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:3px}
ul,ol{padding:0;margin:0;list-style:none}
figure{margin:0}
img{image-rendering:pixelated;display:block;width:100%;height:auto}
.icon{width:1.15em;height:1.15em;flex:none;vertical-align:-.22em}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.term{color:inherit;text-decoration:underline dotted;text-underline-offset:3px;text-decoration-color:var(--muted)}
.fine{font-size:.86rem;color:var(--muted)}
.lead{max-width:58rem;color:var(--muted);font-size:1.03rem}
.lead strong{color:var(--ink)}
.absent{color:var(--muted);font-style:italic;font-weight:400}
.interval{color:var(--muted);font-size:.84em;font-weight:400;white-space:nowrap}
.rate{white-space:nowrap}
.empty,.caution{display:flex;gap:.6rem;padding:.8rem 1rem;border-radius:8px;background:var(--sunken);color:var(--muted);max-width:46rem}
.empty .icon,.caution .icon{margin-top:.2em}
.caution{background:var(--open-soft);color:var(--open)}
.notices{list-style:none;padding:0;margin:1.6rem 0 0;display:grid;gap:.7rem}
.notice{display:flex;gap:.7rem;padding:.8rem 1rem;border-radius:8px;background:var(--open-soft);border-left:3px solid var(--open);overflow-wrap:anywhere}
.notice .icon{margin-top:.2em;color:var(--open);flex:none}
.notice p{margin:0}
.notice-bug,.notice-memory{background:var(--bad-soft);border-left-color:var(--bad)}
.notice-bug .icon,.notice-memory .icon{color:var(--bad)}
.wrap,.hero>*{max-width:1120px;margin-inline:auto}
`;

const FIRST_SCREEN = `
.hero{padding:1.1rem 1.5rem 1.8rem;border-top:8px solid var(--tone);background:linear-gradient(var(--tone-soft),var(--paper))}
.hero-ship{--tone:var(--good);--tone-soft:var(--good-soft)}
.hero-do-not-ship{--tone:var(--bad);--tone-soft:var(--bad-soft)}
.hero-cannot-tell{--tone:var(--open);--tone-soft:var(--open-soft)}
.masthead{display:flex;gap:.5ch;color:var(--muted);font-size:.92rem;margin-bottom:1.1rem}
.masthead strong{color:var(--ink)}
.masthead-date{margin-left:auto}
.verdict{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,25rem);gap:2.5rem;align-items:start;margin-bottom:1.5rem}
.subject{color:var(--muted);margin:0 0 .5rem}
.subject code{color:var(--ink)}
h1{display:flex;align-items:center;gap:1rem;font-size:clamp(2.5rem,6vw,4.1rem);font-weight:750;letter-spacing:-.03em;line-height:1.02;color:var(--tone);margin:0 0 .9rem}
.seal{display:grid;place-items:center;width:1.12em;height:1.12em;border-radius:50%;background:var(--tone);color:var(--seal-ink);flex:none}
.seal .icon{width:.74em;height:.74em;vertical-align:0}
.seal .icon path{stroke-width:3}
.headline{font-size:1.42rem;font-weight:650;line-height:1.3;margin-bottom:.5rem;text-wrap:balance}
.reason{font-size:1.03rem;max-width:40rem;margin:0}
.exhibits{display:grid;grid-template-columns:repeat(4,minmax(0,7.2rem));gap:.8rem;margin-top:1rem}
.answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,18rem),1fr));gap:1rem;list-style:none;padding:0;margin:0 auto 1.2rem}
.answer{background:var(--paper);border:1px solid var(--line);border-left:5px solid var(--mark);border-radius:10px;padding:.8rem 1rem}
.answer p{margin:0}
.answer .question{color:var(--muted)}
.answer .given{display:flex;align-items:center;flex-wrap:wrap;gap:.5rem;font-size:1.25rem;margin:.15rem 0 .35rem}
.answer .given strong{flex:1 1 0;min-width:min(60%,10rem)}
.answer .icon{width:1.4rem;height:1.4rem;padding:.2rem;border-radius:50%;color:var(--seal-ink);background:var(--mark)}
.answer .aside{font-size:.8rem;color:var(--muted)}
.answer .fine+.fine{margin-top:.3rem}
.exhibits img{border-radius:6px}
.exhibits figcaption{font-size:.8rem;line-height:1.3}
.key{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:1rem 1.2rem}
.key h2{font-size:1rem;margin:0 0 .5rem}
.key-range{font-weight:400;color:var(--muted)}
.key dl{margin:0}
.key-number{display:flex;justify-content:space-between;align-items:baseline;gap:1rem;padding:.42rem 0;border-top:1px solid var(--line)}
.key-number dt{font-weight:600;line-height:1.25}
.key-meaning{display:block;font-weight:400;font-size:.82rem;color:var(--muted)}
.key-number dd{margin:0;font-weight:700;font-size:1.22rem;white-space:nowrap;text-align:right;font-variant-numeric:tabular-nums}
.key-number dd .absent{font-size:1rem;font-weight:400}
.key-number dd .interval{display:block;font-size:.8rem;line-height:1.2}
.verdict-bar{display:flex;height:1.4rem;gap:2px;margin:.7rem 0 .5rem;border-radius:5px;overflow:hidden}
.part{min-width:3px}
.part-certified{background:var(--certified)}
.part-unknown{background:repeating-linear-gradient(45deg,var(--undecided) 0 2px,var(--undecided-soft) 2px 6px)}
.part-falsified{background:var(--attacked)}
.part-wrong{background:var(--wrong)}
.verdicts .fine{margin:.4rem 0 0}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;font-size:.88rem}
.legend li{display:flex;align-items:center;gap:.45rem}
.swatch{width:.95rem;height:.95rem;border-radius:3px;flex:none}
.findings{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:1rem}
.finding,.suspicion{background:var(--paper);border:1px solid var(--line);border-left:5px solid var(--mark);border-radius:10px;padding:.9rem 1.1rem}
.finding{display:flex;flex-direction:column}
.finding-critical{--mark:var(--bad)}
.finding-warning{--mark:var(--open)}
.finding-note{--mark:var(--undecided)}
.finding-good{--mark:var(--good)}
.finding h3,.suspicion h3{margin:.6rem 0 .3rem}
.finding p{font-size:.95rem;margin-bottom:.6rem}
.finding-marks{display:flex;justify-content:space-between;align-items:center;gap:.6rem}
.figure{margin-top:auto;padding-bottom:.3rem}
.figure-number{font-size:1.3rem;font-weight:700;line-height:1.2;font-variant-numeric:tabular-nums}
.figure-label{font-size:.84rem;color:var(--muted)}
.more{font-size:.88rem;margin-top:.35rem}
.badge{display:inline-flex;align-items:center;gap:.4rem;padding:.16rem .6rem .16rem .45rem;border-radius:99px;font-size:.84rem;font-weight:650;text-decoration:none;border:1px solid currentColor}
.badge-proved{color:var(--certified);background:var(--certified-soft)}
.badge-attacked{color:var(--attacked);background:var(--attacked-soft)}
.badge-statistical{color:var(--violet);background:var(--violet-soft)}
.badge-bounded{color:var(--muted);background:var(--sunken);border-style:dashed}
.badge-heuristic{color:var(--muted);background:var(--sunken);border-style:dashed}
.severity{display:inline-flex;align-items:center;gap:.35rem;font-size:.84rem;font-weight:600}
.severity-critical{color:var(--bad)}
.severity-warning{color:var(--open)}
.severity-note{color:var(--muted)}
.severity-good{color:var(--good)}
`;

const SECTIONS = `
nav{position:sticky;top:0;z-index:2;background:var(--paper);border-block:1px solid var(--line)}
nav ul{display:flex;gap:.2rem;overflow-x:auto;scrollbar-width:none;padding:0 1.5rem;margin-inline:auto;max-width:calc(1120px + 3rem)}
nav li:first-child{margin-left:-.65rem}
nav a{display:block;padding:.7rem .65rem;white-space:nowrap;color:var(--muted);text-decoration:none;font-size:.9rem}
nav a:hover{color:var(--ink);text-decoration:underline}
main{padding:0 1.5rem}
section{padding:1.2rem 0 0;scroll-margin-top:2.6rem}
section+section{border-top:1px solid var(--line);margin-top:.9rem}
[id^="term-"]{scroll-margin-top:4rem}
:target>dt{background:var(--open-soft)}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:0 2.5rem}
.columns h3,section>h3:first-of-type{margin-top:1rem}
.condition{display:flex;gap:.7rem;padding:.6rem 0;border-top:1px solid var(--line)}
.condition .icon{width:1.5rem;height:1.5rem;padding:.2rem;border-radius:50%;color:var(--seal-ink);background:var(--mark)}
.condition p{margin:0}
.condition-met{--mark:var(--good)}
.condition-failed{--mark:var(--bad)}
.condition-undecided{--mark:var(--open)}
.steps{list-style:decimal;padding-left:1.3rem}
.steps li{padding:.3rem 0 .3rem .2rem}
.chart{margin:.8rem 0 1.2rem;max-width:760px}
.chart-narrow{display:none}
.chart figcaption p{margin:0 0 .5rem}
.chart figcaption strong,.chart figcaption .rate{color:var(--ink);font-weight:650}
.chart svg{max-width:100%;height:auto;font-family:inherit}
figcaption{font-size:.86rem;color:var(--muted);margin-top:.4rem}
.swatch-attacked{background:var(--attacked)}
.swatch-certified{background:var(--certified)}
.swatch-unknown{background:repeating-linear-gradient(45deg,var(--undecided) 0 2px,var(--undecided-soft) 2px 6px)}
.swatch-clean-line{height:0;border-top:2px dotted var(--clean);border-radius:0;width:1.4rem}
.swatch-clean-dot{border:2px solid var(--clean);border-radius:50%}
.swatch-attacked-mark{background:var(--attacked);clip-path:polygon(100% 0,100% 100%,10% 50%)}
.swatch-certified-mark{background:var(--certified);clip-path:polygon(0 0,0 100%,90% 50%)}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--accent);padding:.3rem 0}
table{border-collapse:collapse;width:100%;font-size:.93rem;margin:.5rem 0 1rem}
th,td{padding:.5rem .8rem .5rem 0;border-bottom:1px solid var(--line);vertical-align:top;text-align:left}
thead th{color:var(--muted);font-weight:600;font-size:.86rem;vertical-align:bottom}
tbody th{font-weight:600}
.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
th:last-child,td:last-child{padding-right:0}
thead th,.number,.basis,.badge,.severity,nav a{overflow-wrap:normal}
.purpose{display:block;font-weight:400}
.pair{display:inline-block;margin-right:.7rem;color:var(--muted)}
.pair strong{color:var(--ink);font-weight:600}
.facts{margin:.6rem 0 1rem}
.facts>div{display:grid;grid-template-columns:11rem minmax(0,1fr);gap:1rem;padding:.45rem 0;border-bottom:1px solid var(--line)}
.facts dt{color:var(--muted)}
.facts dd{margin:0}
.hash{overflow-wrap:anywhere}
.chips{display:flex;flex-wrap:wrap;gap:.4rem}
.chips li{background:var(--sunken);border-radius:6px;padding:.05rem .55rem}
.basis{font-weight:600}
.basis-stated{color:var(--good)}
.basis-inferred{color:var(--accent)}
.basis-assumed{color:var(--open)}
.examples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));gap:1rem}
.example{border:1px solid var(--line);border-radius:10px;padding:.9rem 1rem .5rem}
.example-title{margin-bottom:.5rem}
.triple{display:grid;grid-template-columns:repeat(3,1fr);gap:.5rem;margin-bottom:.6rem}
.triple img,.pictures img{border:1px solid var(--line);border-radius:4px}
.triple figcaption{line-height:1.3;font-size:.82rem}
.alarming{color:var(--attacked)}
.mistakes{display:grid;grid-template-columns:repeat(auto-fill,minmax(7.4rem,1fr));gap:1rem;margin:.6rem 0 1rem}
.mistakes img{border:1px solid var(--line);border-radius:4px}
.mistakes figcaption{font-size:.82rem;line-height:1.35}
.matrix{width:auto;font-variant-numeric:tabular-nums;overflow-wrap:normal}
.matrix caption{text-align:left;font-size:.86rem;color:var(--muted)}
.matrix th,.matrix td{padding:.3rem .45rem;border:1px solid var(--line);text-align:center;white-space:nowrap;min-width:2.6rem}
.matrix tbody th{text-align:left;max-width:9rem;overflow:hidden;text-overflow:ellipsis}
.matrix .none{color:var(--muted)}
.matrix thead th{vertical-align:bottom}
.matrix thead span{writing-mode:vertical-rl;transform:rotate(180deg);white-space:nowrap}
.matrix .right{background:color-mix(in srgb,var(--certified) calc(var(--share)*30%),transparent);font-weight:600}
.matrix .mistaken{background:color-mix(in srgb,var(--attacked) calc(12% + var(--share)*60%),transparent);font-weight:600}
.scale{display:flex;align-items:center;gap:.6rem;font-size:.86rem;color:var(--muted)}
.scale-bar{width:9rem;height:.8rem;border-radius:3px;background:linear-gradient(90deg,rgb(5 96 176),rgb(247 247 247),rgb(190 20 40))}
.suspicion{margin:1rem 0}
.numbers{display:flex;flex-wrap:wrap;gap:.4rem 2.4rem;margin:.6rem 0}
.signs{list-style:disc;padding-left:1.2rem;margin-bottom:.6rem}
.signs li{padding:.15rem 0}
.small-charts.chart{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr));gap:1rem 1.4rem;max-width:none;align-items:end}
.small-charts figcaption{margin:0;padding:0;font-size:.88rem;color:var(--ink);font-weight:600}
.swatch-band{background:var(--certified);opacity:.35}
.swatch-median{height:0;border-top:2px dashed var(--certified);border-radius:0;width:1.4rem}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(8rem,10rem));gap:1rem;margin:1rem 0}
pre{background:var(--sunken);border-radius:8px;padding:.8rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere;margin:0 0 .6rem}
.limits{list-style:disc;padding-left:1.2rem;max-width:58rem}
.limits li{padding:.25rem 0}
.glossary{columns:2;column-gap:2.5rem;margin:.6rem 0}
.glossary>div{break-inside:avoid;padding:.5rem 0}
.glossary dt{font-weight:650}
.glossary dd{margin:0;color:var(--muted);font-size:.95rem}
footer{margin:3rem 0 0;padding:1.4rem 1.5rem 2.4rem;border-top:1px solid var(--line);color:var(--muted);font-size:.88rem}
`;

const PHONE = `
.hero{padding:.8rem 1rem 1.4rem}
.verdict{grid-template-columns:minmax(0,1fr);gap:1.3rem}
main{padding:0 1rem}
nav ul{padding:0 1rem}
h2{font-size:1.4rem}
.masthead{margin-bottom:.8rem}
.headline{font-size:1.2rem}
.chart-wide{display:none}
.chart-narrow{display:block}
.facts>div{grid-template-columns:minmax(0,1fr);gap:0}
.glossary{columns:1}
.pictures{grid-template-columns:repeat(2,1fr)}
.stack thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stack,.stack tbody,.stack tr,.stack th,.stack td{display:block;text-align:left;white-space:normal}
.stack tr{padding:.6rem 0;border-bottom:1px solid var(--line)}
.stack th,.stack td{border:0;padding:.1rem 0}
.stack td{display:grid;grid-template-columns:6rem minmax(0,1fr);gap:.6rem}
.stack td::before{content:attr(data-label);color:var(--muted)}
.compact{font-size:.84rem}
.matrix{font-size:.74rem}
.matrix th,.matrix td{padding:.25rem .12rem;min-width:1.45rem}
.matrix tbody th{max-width:4.4rem}
.mistakes{grid-template-columns:repeat(4,minmax(0,1fr));gap:.7rem}
.compact th,.compact td{padding-right:.35rem}
.compact thead th{white-space:normal}
.compact .absent{white-space:normal}
.compact .interval{display:block}
`;

const PRINT = `
@page{margin:13mm}
html{font-size:8.8pt}
body{print-color-adjust:exact;-webkit-print-color-adjust:exact}
nav,.more{display:none}
.hero{padding:1rem 1.4rem 1.4rem}
.hero>*,.wrap{max-width:none}
main{padding:0}
h1{font-size:3.1rem;gap:.7rem}
.lead{break-inside:avoid}
footer{margin-top:1rem;padding-block:.6rem 0}
.findings{grid-template-columns:repeat(3,minmax(0,1fr))}
.further{grid-template-columns:repeat(2,minmax(0,1fr))}
h2,h3,thead,.lead,.legend,.scale,.finding-marks{break-after:avoid}
section{padding-top:1.4rem}
section+section{margin-top:1.2rem}
.finding,.example,.chart,.condition,.key,.glossary>div,tr,figure,.facts,.short,.suspicion:not(:has(details)){break-inside:avoid}
.mistakes{grid-template-columns:repeat(8,minmax(0,1fr));gap:.7rem}
.answer .given{font-size:1.12rem}
#glossary{display:none}
.chart{display:grid;grid-template-columns:minmax(0,24rem) minmax(0,1fr);gap:1.2rem;max-width:none;align-items:start}
.chart-wide{display:none}
.chart-narrow{display:block}
.small-charts.chart{grid-template-columns:repeat(3,minmax(0,1fr))}
.examples{display:block}
.example{display:inline-block;vertical-align:top;width:calc(50% - .8rem);margin:0 .6rem .9rem 0}
.pictures{grid-template-columns:repeat(4,9rem)}
details:not(.screen-only)::details-content{content-visibility:visible;display:block;block-size:auto}
.screen-only{display:none}
summary{list-style:none;color:var(--muted);break-after:avoid}
th,td{padding-block:.34rem}
tbody tr:first-child{break-before:avoid}
a{color:inherit;text-decoration:none}
`;

/** Room for a chart's words beside it. */
const DESK = `
.stack tbody th{min-width:10.5rem}
.chart{display:grid;grid-template-columns:minmax(0,760px) minmax(0,1fr);gap:2.2rem;max-width:none;align-items:start}
.chart figcaption{font-size:.92rem;padding-top:1.6rem}
`;

export const STYLE = `:root{color-scheme:light dark;${LIGHT}}
@media screen and (prefers-color-scheme:dark){:root{${DARK}}}
@media print{:root{color-scheme:light}}
${BASE}${FIRST_SCREEN}${SECTIONS}
@media screen and (min-width:1040px){${DESK}}
@media screen and (max-width:719px){${PHONE}}
@media print{${PRINT}}`;
