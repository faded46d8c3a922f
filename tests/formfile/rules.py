"""Every rule of a Formfile: its code, one line that breaks it, and one that keeps it. Both stand below `NAME x`."""

from __future__ import annotations

from typing import NamedTuple

MODEL_ID = "ab" * 32
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE me@desk"


class LineRule(NamedTuple):
    """`broken` has a problem of this code, `kept` has none of it."""

    code: str
    broken: str
    kept: str


RULES = [
    LineRule("alias", "CPU 4", "VCPU 4"),
    LineRule("bad_boolean", "USER username:bob sudo:maybe", "USER username:bob sudo:true"),
    LineRule("bad_group", "USER username:bob groups:a,B", "USER username:bob groups:a,b"),
    LineRule("bad_json", 'ENTRYPOINT ["a", 1]', 'ENTRYPOINT ["a", "1"]'),
    LineRule("bad_name", "NAME a b", "RUN true"),
    LineRule("bad_package", "INSTALL -y", "INSTALL python3=3.11.2-1"),
    LineRule("bad_scope", "ENV --scope=all A=1", "ENV --scope=user:bob A=1"),
    LineRule("bad_username", "USER username:Bob", "USER username:bob"),
    LineRule("bom", "\ufeff", ""),
    LineRule("continuation", "RUN a \\", "RUN a"),
    LineRule("control_character", "RUN a\x1b[31m", "RUN a [31m"),
    LineRule("copy_form", "COPY a", "COPY a b"),
    LineRule("declaration_syntax", "#? not a declaration", "#? port = 80\nRUN echo {{ port }}"),
    LineRule("declaration_unused", "#? port = 80", "#? port = 80\nRUN echo {{ port }}"),
    LineRule("duplicate", "ENV A=1\nENV A=2", "ENV A=1\nENV B=2"),
    LineRule("env_form", "ENV PATH", "ENV PATH=/bin"),
    LineRule("env_key", "ENV 1A=x", "ENV A1=x"),
    LineRule("expose_ignored", "EXPOSE 80", "# EXPOSE 80"),
    LineRule("extra_value", "ENV A=1 B=2", "ENV A=1"),
    LineRule("key_separator", "USER username=bob", "USER username:bob"),
    LineRule("missing_key", "USER sudo:true", "USER username:bob sudo:true"),
    LineRule("missing_value", "VCPU", "VCPU 1"),
    LineRule("model_form", f"MODEL {MODEL_ID}", f"MODEL required:{MODEL_ID}"),
    LineRule("model_id", "MODEL preferred:llama", f"MODEL preferred:{MODEL_ID}"),
    LineRule("name_case", "vcpu 4", "VCPU 4"),
    LineRule("not_a_number", "VCPU four", "VCPU 4"),
    LineRule("outside_context", "COPY ../a /b", "COPY a /b"),
    LineRule("placeholder_syntax", "VCPU {{ 1x }}", "#? x1 = 1\nVCPU {{ x1 }}"),
    LineRule("placeholder_undeclared", "RUN echo {{ port }}", "#? port = 80\nRUN echo {{ port }}"),
    LineRule(
        "public_key", "USER username:bob ssh_authorized_keys:AAAA", f'USER username:bob ssh_authorized_keys:"{KEY}"'
    ),
    LineRule("quoted", 'COPY "a" b', "COPY a b"),
    LineRule("relative_path", "WORKDIR app", "WORKDIR /app"),
    LineRule("repeated", "NAME y", "DESCRIPTION y"),
    LineRule("secret", "USER username:bob passwd:$6$saltsalt$" + "x" * 86, "#? pw\nUSER username:bob passwd:{{ pw }}"),
    LineRule("secret_likely", "ENV API_KEY=" + "a8F3" * 8, "#? key\nENV API_KEY={{ key }}"),
    LineRule("spacing", "VCPU  4", "VCPU 4"),
    LineRule("too_large", "VCPU 129", "VCPU 128"),
    LineRule("too_small", "MEMORY 511", "MEMORY 512"),
    LineRule("trailing_comment", "VCPU 4 # four", "# four\nVCPU 4"),
    LineRule("unclosed_quote", 'USER username:bob shell:"/bin', "USER username:bob shell:/bin/sh"),
    LineRule("unit", "MEMORY 16GB", "MEMORY 16384"),
    LineRule("unknown_gpu", "GPU A100", "GPU H100"),
    LineRule("unknown_instruction", "CMD run", "RUN run"),
    LineRule("unknown_key", "USER username:bob group:a", "USER username:bob groups:a"),
    LineRule("unknown_option", "COPY --from=x a b", "COPY a b"),
    LineRule("user_form", "USER bob", "USER username:bob"),
]
# Said of the whole, not of a line; or only while rendering, when a person gives values; or with the record.
OF_THE_WHOLE = {"missing_name"}
WHILE_RENDERING = {"placeholder_missing", "placeholder_value"}
WITH_THE_RECORD = {"disagrees"}
