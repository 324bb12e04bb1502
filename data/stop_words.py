"""Words that say nothing of a picture by themselves, in English and Chinese.

Only closed classes: articles, pronouns, prepositions, conjunctions, auxiliaries, particles,
numbers, measure words. The general lists of information retrieval also drop `man`, `front`,
`fire` or `young`, which are what captions are about.
"""

from __future__ import annotations

_ENGLISH = """
a an the this that these those such same other another each every either neither both all any
some no none many much more most several few less least own enough
i me my mine myself you your yours yourself yourselves he him his himself she her hers herself
it its itself we us our ours ourselves they them their theirs themselves who whom whose which
what someone something anyone anything everyone everything nothing nobody one's oneself
and or nor but so yet if then else than because as while whereas although though unless until
whether when where why how since
of in on at by for from to into onto out off over under above below between among amongst amid
about across after against ahead along alongside around aside atop away before behind beneath
beside besides beyond despite down during except inside near nearby next outside past per
through throughout together toward towards underneath up upon via with within without
am is are was were be been being do does did doing done have has had having can could may might
must shall should will would ought cannot let lets get gets getting got
ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't he'd he'll i'd i'll i'm
i've isn't mustn't shan't she'd she'll shouldn't they'd they'll they're they've wasn't we'd
we'll we're we've weren't won't wouldn't you'd you'll you're you've
not only just also too very quite rather really almost again ever never always often here there
now still even already perhaps well
one two three four five six seven eight nine ten eleven twelve first second third
"""
ENGLISH = frozenset(_ENGLISH.split())

# A word never spans one of these characters.
CHINESE = frozenset(
    "的地得了着过吗呢吧啊呀嘛是在有没不也都还又再就才很太最更挺真正刚已曾将会能可要应该"
    "和与及跟同或而但却且因为所以于从到向往朝由把被让给对用以"
    "我你您他她它们咱这那此其某每各另谁哪什么怎"
    "一二两三四五六七八九十百千几多些半双俩个只条位名张件辆匹群种次块根艘棵朵"
    "上下里中内外前后左右旁边间面处之起来去像"
)

# Endings that make words and are none by themselves.
CHINESE_ENDINGS = frozenset("子儿者样色")
