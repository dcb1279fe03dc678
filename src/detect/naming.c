/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whom a name in an answer means. Programs write theirs in a place of their own, mostly behind
 * words of the protocol; hosts are called after programs; and greetings tell of programs that are
 * not there. So a name counts when it stands by itself, outside host names and addresses, in a
 * clause whose other words are those of greetings: in front of it in greetings with a code only
 * words of protocols, names and what the pattern spells; anywhere no word that turns a sentence to
 * others. Sources: RFC 5321 4.2 and RFC 959 5.4 (a host begins a greeting), RFC 1939 7 (time
 * stamps), RFC 1123 2.1 (names of hosts).
 */
#include "detect/naming.h"

#include "base/compiler.h"
#include "detect/app.h"
#include "detect/prose.h"
#include "detect/spelled.h"
#include "detect/stock.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
	CLAUSE_BYTES = 160, /* of a clause on each side of a name */
	TOKEN_BYTES = 255,
	WORDS_BEHIND = 6,
	NAME_WORDS_MAX = 5,
	WORDS_AFTER_NO = 2,
	TLD_BYTES_MIN = 2,
	TLD_BYTES_MAX = 24
};

/** In front of a name they say that it is not the speaker's. */
static const char turns[] =
	" not never but without isn aren don doesn won cannot neither nor non none unlike instead "
	"than fake pretend pretends pretending honeypot mock heard formerly former once old "
	"previous was were perhaps maybe probably ex of off from for behind before against like "
	"replaces replaced replace replacing migrated migrate migrating moved moving left leaving "
	"removed retired goodbye bye farewell dropped vs versus beats compatible emulates "
	"emulating mimics imitates clone use using uses prefer about review how why if we they he "
	"she us them used obsoletes deprecated avoid download today try sin proxying ";
/** Behind it they say that it is gone, or only looked like. */
static const char ends[] =
	" was were been had once perhaps maybe probably gone retired removed dead replaced "
	"obsolete deprecated decommissioned discontinued dropped disabled compatible like alike "
	"clone clones alternative alternatives emulation emulator emulated imitation vs versus "
	"migration guide tutorial blog review backend backends exploit exploits scanner scanners "
	"vulnerability bait bugs blocked moved "
	"killed went replacement lookalike honeypot mock "
	"fake free isn wasn not no longer style killer hater haters ";
/** The same joined to it. */
static const char joins[] = " compatible like alike clone alternative emulator emulation imitation "
			    "lookalike replacement free less style killer hater mock fake not ";
/** Joined in front of it. */
static const char prefixes[] = " not non no never un ex pre post pseudo quasi semi fake former old "
			       "anti faux mock like compatible with ";
/** The same as the first word behind a bracket, comma or colon. */
static const char remarks[] = " not fake mock formerly perhaps maybe compatible emulated retired "
			      "gone removed dead replaced never ";
/** Small letters that a greeting may well have. */
static const char plain[] =
	" powered running runs based served serving provided hosted company corporate external "
	"main primary secondary backup relay exchanger hub node cluster test production secure "
	"users linux unix debian ubuntu windows net network site home smart proxied security alpha "
	"beta rc "
	"build release rev revision patch patchlevel edition glad starting smtpd licensed copy "
	"server's da ";
/** Behind these a host may stand. */
static const char leads[] =
	" ok preauth esmtp smtp lmtp pop imap nntp ftp server service at on to host for by is ";
/** Words of sentences that are no names of hosts. */
static const char prose[] =
	" the a an we you i it this that these they he she welcome hello hi please no not yes "
	"sorry download try today "
	"all any only if there here your our my to for of from by with in on at and or be is are "
	"was were has have will must do who what when where how why authorized authorised "
	"unauthorized unauthorised warning attention notice connected restricted ";
/** Behind a label they tell that it begins a sentence. */
static const char verbs[] =
	" is are was were has have had will must may can do does of to be been from and or for in "
	"you we your our us not only use left ";
/** Behind the last dot of versions and of files. */
static const char endings[] = " alpha beta rc pre dev final release stable ready tar gz rpm deb "
			      "css js html htm shtml php "
			      "cgi asp aspx jsp png gif jpg ico svg xml txt exe dll jar conf cfg ";

static bool is_listed(const char *list, struct bytes word)
{
	return stock_is_listed(list, strlen(list), word);
}

static bool is_name_byte(uint8_t c)
{
	return isalnum(c) || c == '-' || c == '_' || c == '.';
}

/** The bytes around @p name that may be of one host's name or version. */
static struct bytes token_of(struct bytes text, struct bytes name)
{
	const uint8_t *from = name.p, *to = name.p + name.len, *end = text.p + text.len;

	if (!name.len)
		return name;
	while (from > text.p && name.p - from < TOKEN_BYTES && is_name_byte(from[-1]) &&
	       is_name_byte(*from))
		from--;
	while (to < end && to > name.p && to - name.p < TOKEN_BYTES && is_name_byte(*to) &&
	       is_name_byte(to[-1]))
		to++;
	while (from < name.p && !isalnum(*from))
		from++;
	while (to > name.p + name.len && !isalnum(to[-1]))
		to--;
	return (struct bytes){from, (size_t)(to - from)};
}

/* --- hosts ----------------------------------------------------------------------------- */

/** The label behind the last dot: none without a dot, or where dots stand side by side. */
static struct bytes last_label(struct bytes token)
{
	size_t n = 0;

	for (size_t i = 0; i + 1 < token.len; i++)
		if (token.p[i] == '.' && token.p[i + 1] == '.')
			return (struct bytes){token.p, 0};
	while (n < token.len && token.p[token.len - 1 - n] != '.')
		n++;
	return (struct bytes){token.p + token.len - n, n < token.len ? n : 0};
}

/** "exim-4-94.example.org", not "3.0.3" and not "3.0.beta". */
static bool is_dotted_host(struct bytes token)
{
	struct bytes tld = last_label(token);
	bool is_idn = tld.len > 4 && strncasecmp((const char *)tld.p, "xn--", 4) == 0;

	if (tld.len < TLD_BYTES_MIN || tld.len > TLD_BYTES_MAX || is_listed(endings, tld))
		return false;
	for (size_t i = 0; i < tld.len && !is_idn; i++)
		if (!isalpha(tld.p[i]))
			return false;
	return true;
}

/** Is there "://" in front of it without a blank between? */
static bool is_in_url(struct bytes text, const uint8_t *at)
{
	for (uint32_t i = 0; i < TOKEN_BYTES && at - text.p >= 3; i++, at--) {
		if (memcmp(at - 3, "://", 3) == 0)
			return true;
		if (isspace(at[-1]) || strchr("\"'<>()", at[-1] ?: '<'))
			return false;
	}
	return false;
}

/** Does the line begin so that what follows is a greeting's first word? */
static bool is_greeting_start(struct bytes before)
{
	while (before.len && before.p[before.len - 1] == ' ')
		before.len--;
	if (before.len && before.p[before.len - 1] == ']' && before.len > 5)
		return memcmp(before.p, "* OK [", 6) == 0;
	return (before.len >= 3 && before.len <= 4 && isdigit(before.p[0]) &&
		isdigit(before.p[1]) && isdigit(before.p[2])) ||
	       (before.len == 3 && memcmp(before.p, "+OK", 3) == 0) ||
	       (before.len == 4 && memcmp(before.p, "* OK", 4) == 0);
}

/** A greeting begins with a code; there the words in front of a name are known. */
static bool is_greeting(struct bytes text)
{
	bool is_code = text.len > 4 && text.p[0] == '2' && isdigit(text.p[1]) &&
		       isdigit(text.p[2]) && strchr(" -", text.p[3] ?: 'x');

	return is_code || app_starts(text, "+OK ") || app_starts(text, "* OK ") ||
	       app_starts(text, "* PREAUTH ");
}

/** What stands between the start of the line and @p at. */
static struct bytes line_before(struct bytes text, const uint8_t *at)
{
	const uint8_t *from = at;

	while (from > text.p && at - from < CLAUSE_BYTES && from[-1] != '\n')
		from--;
	return (struct bytes){from, (size_t)(at - from)};
}

static bool has_capital(struct bytes word)
{
	for (size_t i = 0; i < word.len; i++)
		if (isupper(word.p[i]))
			return true;
	return false;
}

/** A label where a host stands: "220 exim ESMTP", "220 proftpd FTP server (", "* OK cyrus IMAP4".
 */
static bool is_greeting_host(struct bytes text, struct bytes token)
{
	static const char *const mail[] = {" ESMTP", " SMTP", " LMTP"};
	static const char *const others[] = {" IMAP", " POP", " FTP server (", " FTP server ready",
					     " NNTP"};
	const uint8_t *blank = memchr(token.p, ' ', token.len);
	bool is_phrase = blank != NULL; /* a name of several words: "Microsoft ESMTP MAIL" */

	if (!is_greeting_start(line_before(text, token.p)))
		return false;
	token.len = blank ? (size_t)(blank - token.p) : token.len;
	const uint8_t *to = token.p + token.len;
	struct bytes behind = {to, (size_t)(text.p + text.len - to)};
	for (size_t i = 0; i < ARRAY_LEN(mail) && !is_phrase; i++)
		if (app_starts(behind, mail[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(others) && !has_capital(token); i++)
		if (app_starts(behind, others[i]))
			return true;
	return false;
}

static bool is_behind_place(struct bytes text, struct bytes token)
{
	return token.p - text.p > 4 &&
	       (memcmp(token.p - 4, " at ", 4) == 0 || memcmp(token.p - 4, " on ", 4) == 0);
}

/** "[exim]" at the end of a line, "x@exim", "exim@x", ":exim 001 ...", "server at exim". */
static bool is_marked_host(struct bytes text, struct bytes token)
{
	const uint8_t *to = token.p + token.len, *end = text.p + text.len;
	uint8_t before = token.p > text.p ? token.p[-1] : '\n', behind = to < end ? *to : '\n';
	bool is_line = token.p - text.p < 2 || token.p[-2] == '\n';

	if (before == '@' || behind == '@' || (before == ':' && is_line))
		return true;
	if (is_greeting(text) && is_behind_place(text, token))
		return true;
	return before == '[' && behind == ']' && (to + 1 == end || to[1] == '\r' || to[1] == '\n');
}

bool naming_is_host(struct bytes text, struct bytes name, struct bytes pattern)
{
	struct bytes token = token_of(text, name), tld = last_label(token);
	struct bytes start = line_before(text, name.p);
	struct bytes from_name = {name.p, (size_t)(token.p + token.len - name.p)};

	start.len += name.len;
	if (spelled_first(pattern, start) || app_starts(token, "SSH-"))
		return false;
	/* a name with a dot of its own */
	bool is_own = tld.len && tld.p - 1 >= name.p && tld.p <= name.p + name.len;
	bool is = (is_dotted_host(token) && !is_own) || is_marked_host(text, token) ||
		  is_in_url(text, token.p);
	if (is)
		return !spelled_in(pattern, token) && !spelled_in(pattern, from_name);
	return is_greeting_host(text, token);
}

/* --- sentences -------------------------------------------------------------------------- */

/** The part of @p text around a name that belongs to it. */
struct clause {
	struct bytes before, behind;
	struct bytes comment; /* first word behind a bracket, comma, colon right behind */
	bool is_line;         /* begins where a line does */
	bool is_asked;        /* "X?" */
};

static bool is_break(uint8_t c)
{
	return !c || (c < ' ' && c != '\t') || strchr(";!?<>\"{}[]", c);
}

static struct bytes clause_before(struct bytes text, struct bytes name)
{
	const uint8_t *from = name.p;
	uint32_t depth = 0;

	for (; from > text.p && name.p - from < CLAUSE_BYTES; from--) {
		uint8_t c = from[-1];
		depth += c == ')';
		if (is_break(c) || (c == '(' && !depth))
			break;
		depth -= c == '(';
		if (c == '.' && from < name.p && *from == ' ')
			break;
	}
	return (struct bytes){from, (size_t)(name.p - from)};
}

static struct bytes clause_behind(struct bytes text, struct bytes name)
{
	const uint8_t *from = name.p + name.len, *end = text.p + text.len, *to = from;

	for (; to < end && to - from < CLAUSE_BYTES; to++) {
		bool is_dot = *to == '.' && (to + 1 == end || isspace(to[1]));
		if (is_break(*to) || is_dot || strchr("(),:", *to))
			break;
	}
	return (struct bytes){from, (size_t)(to - from)};
}

static struct clause clause_of(struct bytes text, struct bytes name)
{
	struct clause c = {clause_before(text, name), clause_behind(text, name), {text.p, 0}, true};
	const uint8_t *to = c.behind.p + c.behind.len, *end = text.p + text.len;

	c.is_asked = to < end && *to == '?';
	if (to < end && strchr("(,:", *to ?: 'x')) {
		struct bytes left = {to, (size_t)(end - to)};
		(void)stock_next_word(&left, &c.comment);
		c.behind.len -= to > c.behind.p && to[-1] == ' ';
	}
	if (c.before.p > text.p && c.before.len < CLAUSE_BYTES)
		c.is_line = strchr("\n]>", c.before.p[-1] ?: 'x') != NULL;
	/* "220-old" is no word */
	if (c.before.len > 3 && is_greeting_start((struct bytes){c.before.p, 4}))
		c.before = (struct bytes){c.before.p + 4, c.before.len - 4};
	return c;
}

/** The next piece without blanks; commas, colons and brackets around it are left out. */
static bool next_token(struct bytes *in, struct bytes *ret)
{
	static const char around[] = " \t,:()'*";
	size_t i = 0, n = 0;

	while (i < in->len && strchr(around, in->p[i] ?: ' '))
		i++;
	while (i + n < in->len && !strchr(" \t,:()", in->p[i + n] ?: ' '))
		n++;
	*ret = (struct bytes){in->p + i, n};
	*in = (struct bytes){in->p + i + n, in->len - i - n};
	while (ret->len && strchr(".'*", ret->p[ret->len - 1] ?: 'x'))
		ret->len--;
	return n != 0;
}

/** "don't" is the word "don"; "x86_64", "mail.no" are none. */
static bool is_plain_word(struct bytes *token)
{
	const uint8_t *quote = memchr(token->p, '\'', token->len);

	if (quote)
		token->len = (size_t)(quote - token->p);
	for (size_t i = 0; i < token->len; i++)
		if (!isalpha(token->p[i]))
			return false;
	return token->len != 0;
}

static bool is_lower(struct bytes word)
{
	for (size_t i = 0; i < word.len; i++)
		if (!islower(word.p[i]))
			return false;
	return true;
}

/** Are there words in the pieces joined to a name by "-" and "_" that are in @p list? */
static bool has_joined(struct bytes part, const char *list, struct bytes pattern)
{
	struct bytes word;

	while (stock_next_word(&part, &word))
		if (is_listed(list, word) && !spelled_in(pattern, word))
			return true;
	return false;
}

enum kind { KIND_PLAIN, KIND_STRANGE, KIND_NO, KIND_TO, KIND_WELCOME, KIND_TURN };

/** A strange word is one of small letters that no greeting begins with. */
static enum kind kind_of(struct bytes word, struct bytes pattern)
{
	if (!is_plain_word(&word) || spelled_in(pattern, word))
		return KIND_PLAIN;
	if (is_listed(turns, word))
		return KIND_TURN;
	if (is_listed(" no ", word))
		return KIND_NO;
	if (is_listed(" to ", word))
		return KIND_TO;
	if (is_listed(" welcome connected ", word))
		return KIND_WELCOME;
	bool is_known = !is_lower(word) || stock_is_word(word) || is_listed(plain, word);
	return is_known ? KIND_PLAIN : KIND_STRANGE;
}

/** Cut off what is joined to the name: "definitely-not-" of "what is definitely-not-X". */
static struct bytes cut_joined(struct bytes *before)
{
	const uint8_t *end = before->p + before->len;
	size_t n = 0;

	if (!before->len || !strchr("-_", end[-1] ?: 'x'))
		return (struct bytes){end, 0};
	while (n < before->len && !isspace(end[-1 - (ptrdiff_t)n]))
		n++;
	before->len -= n;
	return (struct bytes){end - n, n};
}

/** May a host stand behind this token: a code, a word of the protocol, "at"? */
static bool leads_to_host(struct bytes token)
{
	struct bytes left = token, word;

	return !stock_next_word(&left, &word) || is_listed(leads, word);
}

/** "Welcome to X", but "proxy to X". */
static bool turns_away(enum kind kind, enum kind last, bool is_strict)
{
	return kind == KIND_TURN || (is_strict && kind == KIND_TO && last != KIND_WELCOME);
}

/** Do words in front of the name turn the sentence to somebody else? One that is strange, or has
 * dots, may be the host; what a comma sets apart is no matter. */
static bool is_turned(const struct clause *c, bool is_strict, struct bytes pattern)
{
	struct bytes left = c->before, t, joined = cut_joined(&left);
	uint32_t n = 0, no_at = UINT32_MAX, n_strange = 0;
	enum kind kind = KIND_PLAIN, last = KIND_PLAIN;
	bool may_be_host = c->is_line, has_host = !c->is_line;

	if (has_joined(joined, prefixes, pattern))
		return true;
	for (; next_token(&left, &t); n++, last = kind) {
		kind = kind_of(t, pattern);
		if (turns_away(kind, last, is_strict))
			return true;
		n_strange += kind == KIND_STRANGE && !may_be_host;
		n_strange = left.len && strchr(",:", left.p[0] ?: 'x') ? 0 : n_strange;
		has_host |= kind == KIND_STRANGE || is_dotted_host(t);
		may_be_host = leads_to_host(t) && !has_host;
		no_at = kind == KIND_NO ? n : no_at;
	}
	if (is_strict && n_strange)
		return true;
	return no_at != UINT32_MAX && n - no_at <= WORDS_AFTER_NO;
}

/** Is the rest of the name's own word, or what is right behind it, a remark: "-compatible", "?"? */
static bool is_remarked(const struct clause *c, struct bytes rest, bool is_strict,
			struct bytes pattern)
{
	if (rest.len && strchr("-_", rest.p[0] ?: 'x') && has_joined(rest, joins, pattern))
		return true;
	return rest.len == c->behind.len &&
	       ((is_strict && c->is_asked) || has_joined(c->comment, remarks, pattern));
}

/** "X - whatever": set apart. */
static bool is_dash(struct bytes token)
{
	return token.len && token.p[0] == '-';
}

static bool is_ended(const struct clause *c, bool is_strict, struct bytes pattern)
{
	struct bytes left = c->behind, t;
	/* a pattern has its own opinion of what follows */
	bool may_be_host = false, is_alone = is_strict && !pattern.len;
	size_t n = 0;

	while (n < left.len && (is_name_byte(left.p[n]) || left.p[n] == '/'))
		n++;
	if (is_remarked(c, (struct bytes){left.p, n}, is_strict, pattern))
		return true;
	left = (struct bytes){left.p + n, left.len - n};
	for (uint32_t i = 0; i < WORDS_BEHIND && next_token(&left, &t) && !is_dash(t); i++) {
		bool is_strange = is_alone && !may_be_host && kind_of(t, pattern) == KIND_STRANGE;
		may_be_host = is_listed(" at on by host ", t);
		if (is_strange ||
		    (is_plain_word(&t) && is_listed(ends, t) && !spelled_in(pattern, t)))
			return true;
	}
	return false;
}

bool naming_is_mention(struct bytes text, struct bytes name, struct bytes pattern)
{
	struct clause c = clause_of(text, name);
	bool is = is_greeting(text);

	return is_turned(&c, is, pattern) || is_ended(&c, is, pattern) ||
	       (is && (prose_is_labelled(text, name, pattern) ||
		       prose_goes_on(text, name.p + name.len, pattern)));
}

bool naming_goes_on(struct bytes text, const uint8_t *at)
{
	struct bytes line = line_before(text, at);
	struct clause c = {line, clause_behind(text, (struct bytes){at, 0}), {text.p, 0}, true};

	/* where a line begins, the one that told the name is over */
	struct bytes none = {text.p, 0};
	return is_greeting(text) && line.len &&
	       (is_ended(&c, true, none) || prose_goes_on(text, at, none));
}

bool naming_is_longer(struct bytes text, struct bytes name, struct bytes pattern)
{
	const uint8_t *to = name.p + name.len, *end = text.p + text.len;
	struct bytes rest = {to, (size_t)(end - to)}, more, some = name;

	if (!name.len || to >= end || !isalpha(to[-1]) || !isalpha(*to))
		return false;
	stock_next_word(&rest, &more);
	bool is_daemon = more.len == 1 && tolower(more.p[0]) == 'd';
	if (is_daemon || stock_is_word(more))
		return false;
	/* of "SitecomWLabc" the pattern may spell "SitecomWL" and let it go on from there */
	for (; some.p + some.len < more.p + more.len; some.len++)
		if (spelled_open(pattern, some))
			return false;
	return !spelled_in(pattern, some);
}

bool naming_is_claim(struct bytes text, struct bytes name, struct bytes pattern)
{
	return !naming_is_longer(text, name, pattern) && !naming_is_host(text, name, pattern) &&
	       !naming_is_mention(text, name, pattern);
}

/** "Zoiper for Windows" is a name. */
bool naming_is_other(struct bytes name)
{
	static const char binds[] = " for of from ";
	bool is_capital = name.len && !islower(name.p[0]);
	const uint8_t *port = name.len ? memchr(name.p, ':', name.len) : NULL;
	struct bytes host = {name.p, port ? (size_t)(port - name.p) : name.len}, word;

	if (!has_capital(host) && is_dotted_host(host))
		return true;

	for (uint32_t n = 0; stock_next_word(&name, &word); n++) {
		bool is_binding = n && is_capital && is_listed(binds, word);
		if ((is_listed(turns, word) && !is_binding) || (!n && is_listed(" no ", word)))
			return true;
	}
	return false;
}

bool naming_is_none(struct bytes name)
{
	uint32_t n = 0, n_stock = 0;
	struct bytes left = name, word;

	for (; stock_next_word(&left, &word); n++) {
		if (n && is_lower(word) && word.p[-1] == ' ' && !stock_is_word(word))
			return true;
		n_stock += stock_is_word(word);
	}
	bool is_small = n > 2 && is_lower((struct bytes){name.p, 1});
	return n_stock == n || n > NAME_WORDS_MAX || is_small || naming_is_other(name);
}

/* --- names of hosts ----------------------------------------------------------------------- */

/** Does a sentence go on behind the label? */
static bool begins_sentence(struct bytes label, struct bytes answer)
{
	for (size_t i = 0; i + label.len < answer.len; i++) {
		struct bytes left = {answer.p + i + label.len, answer.len - i - label.len}, word;
		if (memcmp(answer.p + i, label.p, label.len) != 0 || left.p[0] != ' ')
			continue;
		return stock_next_word(&left, &word) && is_listed(verbs, word);
	}
	return false;
}

bool naming_is_host_name(struct bytes name, struct bytes answer)
{
	bool has_letter = false;

	while (name.len && name.p[name.len - 1] == '.')
		name.len--;
	for (size_t i = 0; i < name.len; i++) {
		if (!is_name_byte(name.p[i]) && name.p[i] != ':')
			return false;
		has_letter |= isalpha(name.p[i]);
	}
	if (!name.len || memchr(name.p, ':', name.len) || last_label(name).len)
		return name.len != 0;
	bool is_capital = isupper(name.p[0]) && name.len > 1 &&
			  is_lower((struct bytes){name.p + 1, name.len - 1});
	if (is_listed(prose, name) || (is_capital && stock_is_word(name)))
		return false;
	return has_letter && !begins_sentence(name, answer);
}
