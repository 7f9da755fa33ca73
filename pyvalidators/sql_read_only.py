"""Does generated SQL only read? Static analysis: the layer before running it with no right to write."""

import re
from collections.abc import Iterator

from .code import code_of
from .registry import validator
from .sql import check_dialect, load_sqlglot, parse, parse_or_abstain
from .verdict import Verdict


@validator(check=check_dialect)
def sql_read_only(output: str, *, dialect: str = "postgres", functions: list[str] = ()) -> Verdict | bool:
    """Passes when the output is only queries that read: no DML, DDL or command, no locks, no function with effects.

    Looks into CTEs, subqueries and every statement of several. Fails on SELECT INTO and FOR UPDATE, on anything but a
    query, and on functions known to write, wait, lock, or reach files, other servers or sessions (nextval, set_config,
    pg_sleep, pg_read_file, lo_*, dblink, query_to_xml, ...). Abstains when the output is NULL, does not parse, and
    when it calls a function of which nothing is known. Known are those that sqlglot models and those of
    Postgres that are not volatile. It cannot see what a view, an operator or a function named in `functions` does.
    dialect: a dialect of sqlglot, default "postgres", whose functions are known best.
    functions: further functions that only read, such as ["app.price_of"]; default [].
    details: {"unknown": [function]}, up to 20, when it abstains for them.
    """
    statements = parse_or_abstain(output, dialect)
    if isinstance(statements, Verdict):
        return statements
    if any(mark in code for code in code_of(output) for mark in ("/*!", "/*M!")):
        return Verdict(None, reason="a comment that MySQL would execute")
    exp = load_sqlglot().exp
    opaque = None
    for at, statement in enumerate(statements):
        if isinstance(statement, exp.Command) and statement.name.upper() in ("EXPLAIN", "SHOW"):
            explained = parse(_OPTIONS.sub("", statement.text("expression"), count=1), dialect)
            if isinstance(explained, Verdict):
                opaque = Verdict(None, reason=f"sqlglot does not read the body of {statement.name}")
                continue
            statement = statements[at] = explained[0]
        if not isinstance(statement, (exp.Query, exp.Values, exp.Describe, exp.Show)):
            name = statement.name if isinstance(statement, exp.Command) else statement.key
            return Verdict(False, reason=f"{name.upper()[:100]} is no query")
        for node in statement.find_all(exp.DML, exp.DDL, exp.Into, exp.Lock, exp.Command):
            what = {exp.Into: "SELECT INTO", exp.Lock: "a lock (FOR UPDATE, FOR SHARE)"}
            return Verdict(False, reason=f"{what.get(type(node), node.key.upper())} in a query")
    allowed = {each.lower() for each in functions}
    called = dict.fromkeys(name for statement in statements for name in _unknown(statement) if name not in allowed)
    writing = next(filter(_EFFECT.fullmatch, called), None)
    if writing:
        return Verdict(False, reason=f"calls {writing}, which does more than read")
    if called:
        names = list(called)[:20]
        reason = f"calls {names[0]}, which is not known to only read; if it does, name it in `functions`"
        return Verdict(None, reason=reason, details={"unknown": names})
    return opaque or True


_OPTIONS = re.compile(r"(?:\([^()]*\)|(?:analyze|verbose)\b|\s)*", re.IGNORECASE)


def _unknown(statement) -> Iterator[str]:
    """The functions that a statement calls, but for those that only read; in lower case, as they are qualified."""
    exp = load_sqlglot().exp
    for node in statement.find_all(exp.Func):
        if not isinstance(node, exp.Anonymous):
            if type(node).__name__ in _MODELED_EFFECTS:
                yield node.sql_name().lower()
            continue
        name = node.name.lower()
        schema = node.parent.this.sql().lower() if isinstance(node.parent, exp.Dot) else ""
        if schema not in ("", "pg_catalog"):
            yield f"{schema}.{name}"[:100]
        elif name not in _READING and not (schema and name.upper() in exp.FUNCTION_BY_NAME):
            yield name[:100]


# What sqlglot has a class for and still writes, reads files or addresses, or calls a model.
_MODELED_EFFECTS = {
    *("NextValueFor", "ReadCSV", "ReadParquet", "ToFile", "Secret", "Predict", "MLForecast", "MLTranslate"),
    *("AIAgg", "AIClassify", "AIEmbed", "AIForecast", "AIGenerate", "AISimilarity", "AISummarizeAgg"),
    *("GenerateBool", "GenerateDouble", "GenerateEmbedding", "GenerateInt", "GenerateTable", "GenerateText"),
}

_EFFECT = re.compile(
    r"(?:\w+\.)?(?:"
    # Postgres: sequences, settings, large objects, files, waiting, locks, other sessions, replication, other servers.
    r"nextval|setval|currval|lastval|set_config|setseed|lo_\w+|loread|lowrite|pg_sleep\w*|pg_(?:try_)?advisory_\w+|pg_notify|"
    r"pg_read_\w+|pg_ls_\w+|pg_stat_file|pg_file_\w+|pg_logdir_ls|pg_current_logfile|pg_hba_file_rules|"
    r"pg_(?:cancel|terminate)_backend|pg_reload_conf|pg_rotate_logfile\w*|pg_promote|pg_switch_wal|pg_backup_\w+|"
    r"pg_(?:start|stop)_backup|pg_wal_replay_\w+|pg_logical_\w+|pg_replication_(?!origin_oid)\w+|pg_(?:create|drop|copy)_\w+|"
    r"pg_export_snapshot|pg_import_\w+|pg_nextoid|pg_stat_(?:reset\w*|clear_\w+|force_\w+)|pg_log_\w+|binary_upgrade_\w+|"
    r"brin_(?:de)?summarize_\w+|gin_clean_\w+|pg_stop_making_\w+|dblink\w*|postgres_fdw_\w+|query_to_xml\w*|cursor_to_xml\w*|ts_stat|ts_rewrite|"
    r"pg_execute_server_program|txid_current|pg_current_xact_id|pg_clear_\w+|pg_restore_\w+|"
    # MySQL, SQL Server, SQLite, DuckDB, ClickHouse, Oracle.
    r"sleep|benchmark|load_file|get_lock|release_lock|release_all_locks|openrowset|openquery|opendatasource|xp_\w+|sp_\w+|"
    r"load_extension|writefile|readfile|edit|read_(?:csv|json|text|blob|parquet|ndjson)\w*|\w+_scan|glob|"
    r"file|url|s3|remote|mysql|postgresql|executable|utl_\w+|dbms_\w+|"
    r"readcsv|readparquet|read_parquet|to_file|next_value_for|external_query"
    r")"
)

# Functions of Postgres 15 to 18 that are not volatile, or only in what they return, and that sqlglot does not model;
# without those for operators, types and its own administration. A test asks each server for the volatile ones.
_READING = frozenset(
    """
    acosd age area array_dims array_fill array_lower array_ndims array_positions array_replace array_to_json
    array_upper asind atan2d atand bit_count box broadcast cardinality casefold cash_words center circle
    clock_timestamp col_description convert_from convert_to cosd cotd crc32 crc32c current_setting date_subtract
    datemultirange daterange diagonal diameter enum_first enum_last enum_range erf erfc every family format_type
    gamma gcd generate_subscripts get_byte get_current_ts_config height hostmask int4multirange int4range
    int8multirange int8range is_normalized isclosed isempty isfinite ishorizontal isopen isparallel isperp
    isvertical json_agg_strict json_array_elements json_array_elements_text json_array_length json_build_array
    json_build_object json_each json_each_text json_object_agg_strict json_object_agg_unique
    json_object_agg_unique_strict json_object_keys json_populate_record json_populate_recordset json_to_record
    json_to_recordset json_to_tsvector json_typeof jsonb_agg jsonb_agg_strict jsonb_array_elements
    jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
    jsonb_insert jsonb_object jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict
    jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query
    jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz
    jsonb_path_query_tz jsonb_populate_record jsonb_populate_record_valid jsonb_populate_recordset jsonb_pretty
    jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_to_tsvector jsonb_typeof lcm
    lgamma lower_inc lower_inf macaddr8_set7bit make_date make_timestamptz masklen min_scale multirange netmask
    network num_nonnulls num_nulls nummultirange numnode numrange obj_description octet_length parse_ident
    pg_column_size pg_get_viewdef pg_size_pretty pg_typeof phraseto_tsquery plainto_tsquery polygon quote_ident
    quote_literal quote_nullable radius random_normal range_agg range_intersect_agg range_merge regexp_match
    regexp_matches regexp_split_to_array regexp_split_to_table row_to_json scale set_bit set_byte set_masklen
    setweight sha224 shobj_description sind slope statement_timestamp string_to_table strip system_user tand
    timeofday to_ascii to_bin to_json to_jsonb to_oct to_regclass to_regcollation to_regnamespace to_regoper
    to_regoperator to_regproc to_regprocedure to_regrole to_regtype to_regtypemod to_tsquery to_tsvector
    transaction_timestamp trim_array trim_scale ts_debug ts_delete ts_filter ts_headline ts_lexize ts_parse ts_rank
    ts_rank_cd ts_token_type tsmultirange tsrange tstzmultirange tstzrange tsvector_to_array unicode_assigned unistr
    upper_inc upper_inf uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7 websearch_to_tsquery width
    xml_is_well_formed xml_is_well_formed_content xml_is_well_formed_document xmlagg xmlcomment xmlexists xmltext
    xpath xpath_exists
    """.split()  # noqa: SIM905
)
