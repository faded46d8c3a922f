"""What a model is for -> its type: tasks in the Hub's words, and the class names that tell a task.

The Hub's tasks: https://huggingface.co/tasks. What a class is for: the auto classes of transformers and its pipelines
(https://huggingface.co/docs/transformers/model_doc/auto), and the pipelines of diffusers. A class that stands in none
of these tables has no task here: nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tui_registry.errors import Json
from tui_registry.frozen import NamedTuple
from tui_registry.importers.draft_writer import shown
from tui_registry.importers.untrusted import is_whole, object_at, texts_at


def type_of_task(task: str) -> Json:
    """The type of a model for a task of the Hub: one of the five, or `Other` with the task; None when it is no task."""
    task = _ALIASES.get(task, task)
    return _TYPES.get(task, {"Other": task} if task in _OTHER_TASKS else None)


def task_among(tags: Iterable[str]) -> str | None:
    """The first of these tags that is a task, as the Hub takes it where a card names none."""
    return next((tag for tag in (tag.strip().lower() for tag in tags) if type_of_task(tag) is not None), None)


def _words(line: str) -> frozenset[str]:
    return frozenset(line.split())


_TYPES: Mapping[str, Json] = {
    **dict.fromkeys(("text-generation", "text2text-generation"), "LLM"),
    **dict.fromkeys(("feature-extraction", "sentence-similarity", "image-feature-extraction"), "Embedding"),
    **dict.fromkeys(
        (
            "image-text-to-text", "any-to-any", "visual-question-answering", "document-question-answering",
            "image-to-text", "video-text-to-text", "audio-text-to-text", "visual-document-retrieval",
        ),
        "Multimodal",
    ),
    **dict.fromkeys(
        (
            "automatic-speech-recognition", "text-to-speech", "text-to-audio", "audio-classification",
            "audio-to-audio", "voice-activity-detection",
        ),
        "AudioProcessing",
    ),
    **dict.fromkeys(
        ("text-to-image", "image-to-image", "unconditional-image-generation", "image-text-to-image"),
        "ImageGeneration",
    ),
}  # fmt: skip
_OTHER_TASKS = _words(
    "text-classification token-classification table-question-answering question-answering fill-mask translation "
    "zero-shot-classification summarization multiple-choice text-ranking text-retrieval table-to-text "
    "image-classification object-detection image-segmentation depth-estimation video-classification "
    "zero-shot-image-classification zero-shot-object-detection mask-generation keypoint-detection "
    "keypoint-matching text-to-video image-to-video video-to-video image-text-to-video text-to-3d image-to-3d "
    "tabular-classification tabular-regression tabular-to-text time-series-forecasting reinforcement-learning "
    "robotics graph-ml"
)
# Earlier names, and those of pipelines of transformers
_ALIASES = {
    "conversational": "text-generation",
    "sentiment-analysis": "text-classification",
    "ner": "token-classification",
    "vqa": "visual-question-answering",
}


# ---- classes of transformers ---------------------------------------------------------------------------------------


class Told(NamedTuple):
    """A task, and what told it, such as `architectures`."""

    task: str
    by: str


def task_of_config(config: Mapping[str, Json]) -> Told | None:
    """The task of a model by its configuration (`config.json`); None where nothing in it tells one."""
    if "sentence_transformers" in config and any(
        name.endswith("ForSequenceClassification") for name in texts_at(config, "architectures")
    ):
        return Told("text-ranking", "sentence_transformers and architectures")
    if is_timm(config):
        return _task_of_timm(config)
    classes = [(name, f"architectures ({shown(name)})") for name in texts_at(config, "architectures")[:_MOST_CLASSES]]
    classes += [(name, f"auto_map ({shown(name)})") for name in _auto_classes(config)]
    for name, by in classes:
        task = task_of_class(name)
        # What an assistant sees or hears stands in the configuration, not always in the name
        if task == "text-generation" and (sense := _sense_of(config)) is not None:
            return Told(sense.task, f"{by} and {sense.by}")
        if task is not None:
            return Told(task, by)
    sense = _sense_of(config)
    if sense is not None and (not classes or any(_GENERATES.search(name) for name, _ in classes)):
        return sense
    model_type = config.get("model_type")
    if classes or not isinstance(model_type, str):
        return None
    task = _TASKS_OF_MODEL_TYPES.get(model_type)
    return None if task is None else Told(task, f"model_type ({shown(model_type)})")


_MOST_CLASSES = 4


def is_timm(config: Mapping[str, Json]) -> bool:
    """Whether a configuration is one of timm (https://huggingface.co/docs/timm), whose models see: it names one
    architecture, and how many classes that tells apart."""
    named = isinstance(config.get("architecture"), str) and "architectures" not in config
    return named and (is_whole(config.get("num_classes")) or isinstance(config.get("pretrained_cfg"), dict))


def _task_of_timm(config: Mapping[str, Json]) -> Told | None:
    inner = object_at(config, "pretrained_cfg")
    place, number = next(
        (
            (place, of["num_classes"])
            for place, of in (("", config), (" of pretrained_cfg", inner))
            if "num_classes" in of
        ),
        ("", None),
    )
    if not is_whole(number):
        return None
    # Without classes it ends in the features that it sees
    return Told("image-classification" if number > 0 else "image-feature-extraction", f"num_classes ({number}){place}")


def _auto_classes(config: Mapping[str, Json]) -> list[str]:
    """The auto classes for which a model brings its own code; `AutoModel` stands for anything."""
    mapped = config.get("auto_map")
    return [name for name in mapped if name.startswith("AutoModelFor")] if isinstance(mapped, dict) else []


_GENERATES = re.compile(r"ForConditionalGeneration$|Chat|ForGeneration$")


def _sense_of(config: Mapping[str, Json]) -> Told | None:
    """The task of a model that has a language model and what sees or hears for it."""
    speaks = next((key for key in _SPEAKS if isinstance(config.get(key), dict)), None)
    sees = next((key for key in _SEES if config.get(key) not in _NOTHING), None)
    hears = next((key for key in _HEARS if config.get(key) not in _NOTHING), None)
    if sees is not None and (speaks is not None or sees in _SEES_ALONE):
        by = " and ".join(key for key in (sees, speaks) if key is not None)
        # CLIP and SigLIP have both too, and embed; they have no generation
        embeds = config.get("model_type") in _EMBEDDERS_OF_BOTH
        return Told("feature-extraction" if embeds else "image-text-to-text", by)
    if hears is not None and speaks is not None and config.get("model_type") != "clap":
        return Told("audio-text-to-text", f"{hears} and {speaks}")
    return None


_NOTHING: tuple[Json, ...] = (None, False, "")
_SPEAKS = ("text_config", "llm_config", "language_config", "thinker_config")
_SEES = ("vision_config", "mm_vision_tower", "visual", "vision_tower", "img_processor", "vision_cfg")
_SEES_ALONE = ("mm_vision_tower", "visual", "vision_tower", "img_processor")
_HEARS = ("audio_config", "audio_encoder_config", "speech_config")
_EMBEDDERS_OF_BOTH = _words(
    "clip siglip siglip2 chinese_clip align altclip clipseg metaclip_2 groupvit owlvit owlv2 xclip flava "
    "vision-text-dual-encoder"
)


def task_of_class(name: str) -> str | None:
    """The task of a class of transformers, or of an auto class; None for a class that no table here knows."""
    name = name.rpartition(".")[2].removeprefix("TF").removeprefix("Flax")
    named = _CLASSES.get(name)
    if named is not None:
        return named
    stem, _, ending = name.rpartition("For")
    if stem and ending[:1].isupper():  # the `For` of RoFormer is another one
        special = _SPECIAL.get(ending, {}).get(stem)
        if special is not None:
            return special
        if ending == "ConditionalGeneration" and _SIGHTED.search(stem):
            return "image-text-to-text"
        return _ENDINGS.get(ending)
    if name.endswith("WithLMHeadModel") and not name.startswith("Reformer"):
        return "fill-mask"
    if name.endswith(("LMHeadModel", "ModelWithLMHead")):
        return "text-generation"
    return _BARE.get(name.removesuffix("Model")) if name.endswith("Model") else None


def _by_words(words: Mapping[str, str]) -> dict[str, str]:
    """Each word -> the task that it is listed for."""
    return {word: task for task, line in words.items() for word in line.split()}


# What follows `For` in the name of a class
_ENDINGS = _by_words(
    {
        "text-generation": "CausalLM",
        "text2text-generation": "Seq2SeqLM TextToText",
        "fill-mask": "MaskedLM",
        "text-classification": "SequenceClassification",
        "token-classification": "TokenClassification",
        "question-answering": "QuestionAnswering QuestionAnsweringSimple",
        "table-question-answering": "TableQuestionAnswering",
        "visual-question-answering": "VisualQuestionAnswering",
        "document-question-answering": "DocumentQuestionAnswering",
        "multiple-choice": "MultipleChoice",
        "feature-extraction": "TextEncoding",
        "image-classification": "ImageClassification ImageClassificationWithTeacher ImageClassificationLearned "
        "ImageClassificationFourier ImageClassificationConvProcessing",
        "image-segmentation": "ImageSegmentation SemanticSegmentation InstanceSegmentation UniversalSegmentation "
        "Segmentation ImageMatting",
        "object-detection": "ObjectDetection",
        "zero-shot-object-detection": "ZeroShotObjectDetection",
        "zero-shot-image-classification": "ZeroShotImageClassification ImageTextRetrieval",
        "depth-estimation": "DepthEstimation",
        "video-classification": "VideoClassification",
        "mask-generation": "MaskGeneration",
        "keypoint-detection": "KeypointDetection PoseEstimation",
        "keypoint-matching": "KeypointMatching",
        "image-to-image": "ImageToImage ImageSuperResolution",
        "image-to-text": "TextRecognition SceneTextRecognition",
        "image-text-to-text": "ImageTextToText Vision2Seq VisionText2Text",
        "any-to-any": "MultimodalLM",
        "visual-document-retrieval": "Retrieval",
        "unconditional-image-generation": "CausalImageModeling",
        "automatic-speech-recognition": "CTC RNNT TDT SpeechSeq2Seq SpeechToText",
        "text-to-speech": "TextToSpeech",
        "text-to-audio": "TextToSpectrogram TextToWaveform",
        "audio-to-audio": "SpeechToSpeech",
        "audio-classification": "AudioClassification AudioFrameClassification XVector AudioXVector",
        "time-series-forecasting": "TimeSeriesPrediction Prediction",
    }
)
# Endings that mean another task for some models
_SPECIAL: Mapping[str, Mapping[str, str]] = {
    "CausalLM": _by_words(
        {
            "image-text-to-text": "Fuyu Git Mistral4 Phi3V CogVLM LlavaLlama LlavaMistral LlavaQwen Moondream",
            "any-to-any": "Phi4Multimodal Phi4MM",
        }
    ),
    "SequenceClassification": _by_words(
        {
            "audio-classification": "Wav2Vec2 Wav2Vec2Bert Wav2Vec2Conformer Hubert SEW SEWD UniSpeech UniSpeechSat "
            "WavLM Data2VecAudio",
        }
    ),
    "QuestionAnswering": _by_words(
        {
            "document-question-answering": "LayoutLM LayoutLMv2 LayoutLMv3 Lilt",
            "table-question-answering": "Tapas",
            "visual-question-answering": "Vilt Blip Lxmert VisualBert",
        }
    ),
    "ObjectDetection": _by_words(
        {"zero-shot-object-detection": "GroundingDino MMGroundingDino OmDetTurbo Owlv2 OwlViT"}
    ),
    "ConditionalGeneration": _by_words(
        {
            "text2text-generation": "Bart BigBirdPegasus Blenderbot BlenderbotSmall FSMT LED LongT5 M2M100 MBart "
            "MT5 Mvp NllbMoe Pegasus PegasusX PLBart ProphetNet SwitchTransformers T5 T5Gemma UMT5 XLMProphetNet",
            "automatic-speech-recognition": "Whisper Speech2Text Moonshine MoonshineStreaming KyutaiSpeechToText "
            "GraniteSpeech GraniteSpeechPlus CohereAsr GlmAsr Qwen3ASR VibeVoiceAsr Canary FunAsrNano OmniASR "
            "MossTranscribeDiarize Nemotron3_5Transcribe",
            "audio-text-to-text": "Qwen2Audio Voxtral VoxtralRealtime AudioFlamingo3 MusicFlamingo",
            "text-to-speech": "Csm Dia HiggsAudioV2 PocketTTS VibeVoice GradiumPhononTTS",
            "text-to-audio": "Musicgen MusicgenMelody",
            "audio-to-audio": "Pop2Piano",
            "any-to-any": "Qwen2_5Omni Qwen3OmniMoe",
            "robotics": "PI0",
            "image-to-text": "Blip Pix2Struct",
            "image-text-to-text": "Aria Blip2 Chameleon Emu3 Florence2 Gemma3 Gemma3n Gemma4 Idefics2 Idefics3 "
            "InstructBlip InstructBlipVideo Janus Kosmos2 Kosmos2_5 Llama4 Llava LlavaNext LlavaNextVideo "
            "LlavaOnevision Mistral3 Mllama Molmo2 Ovis2 PaliGemma PerceptionLM SmolVLM Udop VideoLlama3 VideoLlava "
            "VipLlava",
        }
    ),
}
# Of what sees and speaks: Qwen2VL, FastVlm, Glm4v, AyaVision, DeepseekOcr2
_SIGHTED = re.compile(r"V[Ll](?:[MmA-Z0-9_]|[a-z]*Moe|$)|Vision|O[Cc][Rr]|[0-9]v(?:Moe)?$|[0-9]V$")
# Whole names
_CLASSES = _by_words({
    "image-to-text": "VisionEncoderDecoderModel AutoModelForVision2Seq",
    "automatic-speech-recognition": "SpeechEncoderDecoderModel",
    "text2text-generation": "EncoderDecoderModel AutoModelWithLMHead",
    "translation": "MarianMTModel",
    "text-generation": "BertGenerationDecoder GPT2DoubleHeadsModel OpenAIGPTDoubleHeadsModel RwkvLMHeadModel",
    "mask-generation": "SamModel Sam2Model SamHQModel EdgeTamModel Sam3TrackerModel",
    "text-to-speech": "VitsModel FastSpeech2ConformerModel FastSpeech2ConformerWithHifiGan",
    "text-to-audio": "BarkModel",
    "time-series-forecasting": "AutoformerModel InformerModel TimeSeriesTransformerModel TimesFmModel TimesFm2_5Model",
    "reinforcement-learning": "DecisionTransformerModel",
    "sentence-similarity": "SentenceTransformer",
    "audio-text-to-text": "UltravoxModel",
    "image-text-to-text": "InternVLChatModel",
})  # fmt: skip
# Models without a head, `BertModel`: what they give are features
_BARE = _by_words({
    "feature-extraction": "Albert Bert BertGeneration BigBird Camembert Canine ConvBert Data2VecText Deberta DebertaV2 "
    "DistilBert EmbeddingGemma2 Electra Ernie Esm EuroBert Flaubert FNet Funnel Gte IBert JinaBert JinaEmbeddingsV3 "
    "LayoutLM LayoutLMv2 LayoutLMv3 Lilt Longformer Luke MarkupLM MegatronBert MobileBert ModernBert MPNet Mra New "
    "NewModel NomicBert Nystromformer RemBert RoCBert RoFormer Roberta RobertaPreLayerNorm SqueezeBert Splinter XLM "
    "XLMRoberta XLMRobertaXL XLNet Xmod Yoso T5Encoder MT5Encoder UMT5Encoder T5GemmaEncoder "
    "CLIP CLIPText ChineseCLIP AltCLIP Align Siglip Siglip2 SiglipText MetaClip2 VisionTextDualEncoder Clap ClapText "
    "Wav2Vec2 Wav2Vec2Bert Wav2Vec2Conformer Hubert WavLM SEW SEWD UniSpeech UniSpeechSat Data2VecAudio "
    "GPT2 GPTNeo GPTNeoX OPT Bloom Llama Mistral Mixtral Gemma Gemma2 Gemma3Text Phi Phi3 Qwen2 Qwen3",
    "image-feature-extraction": "Aimv2Vision Beit Bit CLIPVision ConvNext ConvNextV2 Data2VecVision DeiT Dinat Dinov2 "
    "Dinov2WithRegisters DINOv3ConvNext DINOv3ViT EfficientNet FocalNet Hiera IJepa Levit MLCDVision MobileNetV1 "
    "MobileNetV2 MobileViT MobileViTV2 Pixio PoolFormer Pvt PvtV2 RegNet ResNet SiglipVision Siglip2Vision SwiftFormer "
    "Swin Swinv2 Timesformer TimmWrapper ViT ViTMAE ViTMSN VideoMAE VJEPA2 Vivit",
})  # fmt: skip
# Of a configuration without classes: families of models that have one use
_TASKS_OF_MODEL_TYPES = _by_words({
    "text-generation": "afmoe apertus arcee baichuan bloom chatglm codegen cohere cohere2 dbrx deepseek_v2 "
    "deepseek_v3 exaone exaone4 falcon falcon_h1 falcon_mamba gemma gemma2 gemma3_text glm glm4 glm4_moe gpt2 "
    "gpt_bigcode gpt_neo gpt_neox gpt_oss gptj granite granitemoe granitemoehybrid hunyuan_v1_dense hunyuan_v1_moe "
    "internlm internlm2 internlm3 jamba lfm2 llama mamba mamba2 minicpm minicpm3 minimax minimax_m2 ministral "
    "mistral mixtral mpt nemotron nemotron_h olmo olmo2 olmo3 olmoe openelm opt persimmon phi phi3 phimoe plamo2 "
    "qwen qwen2 qwen2_moe qwen3 qwen3_moe qwen3_next recurrent_gemma rwkv seed_oss smollm3 stablelm starcoder2 xglm",
    "text2text-generation": "t5 mt5 umt5 longt5 bart mbart pegasus",
    "translation": "marian",
    "automatic-speech-recognition": "whisper speech_to_text moonshine",
    "feature-extraction": "clip siglip siglip2 chinese_clip align nomic_bert",
    "mask-generation": "sam sam2 sam_hq",
    "text-to-speech": "vits",
    "text-to-audio": "bark musicgen",
})  # fmt: skip


# ---- adapters ------------------------------------------------------------------------------------------------------


def task_of_adapter(config: Mapping[str, Json]) -> str | None:
    """The task of an adapter by its configuration (`task_type` of PEFT)."""
    kind = config.get("task_type")
    return _ADAPTER_TASKS.get(kind.upper()) if isinstance(kind, str) else None


_ADAPTER_TASKS = {
    "CAUSAL_LM": "text-generation",
    "SEQ_2_SEQ_LM": "text2text-generation",
    "SEQ_CLS": "text-classification",
    "TOKEN_CLS": "token-classification",
    "QUESTION_ANS": "question-answering",
    "FEATURE_EXTRACTION": "feature-extraction",
}


# ---- sentence-transformers -----------------------------------------------------------------------------------------


def task_of_modules(modules: Json, settings: Mapping[str, Json]) -> str | None:
    """The task of a model of sentence-transformers.

    Args:
        modules: `modules.json`, the list of its parts.
        settings: `config_sentence_transformers.json`, as far as it is there.
    """
    if settings.get("model_type") == "CrossEncoder":
        return "text-ranking"
    return "sentence-similarity" if is_modules(modules) else None


def is_modules(modules: Json) -> bool:
    """Whether a document is the list of parts of a model of sentence-transformers."""
    return (
        isinstance(modules, list)
        and bool(modules)
        and all(
            isinstance(part, dict) and isinstance(part.get("type"), str) and isinstance(part.get("path"), str)
            for part in modules
        )
        and any(
            str(part.get("type")).startswith("sentence_transformers.") for part in modules if isinstance(part, dict)
        )
    )


# ---- pipelines of diffusers ----------------------------------------------------------------------------------------


def task_of_pipeline(name: str) -> str | None:
    """The task of a pipeline of diffusers by its class; None for one that is not known here."""
    return next((task for pattern, task in _PIPELINES if pattern.search(name)), None) if "Pipeline" in name else None


_PIPELINES = tuple(
    (re.compile(pattern), task)
    for pattern, task in (
        (r"^(?:LLaDA|DiffusionGemma)", "text-generation"),
        (r"^StableAudio3(?:AudioToAudio|Inpaint)", "audio-to-audio"),
        (r"^(?:AceStep|AudioLDM|DanceDiffusion|LongCatAudio|MusicLDM|StableAudio)", "text-to-audio"),
        (r"^ShapEImg2Img", "image-to-3d"),
        (r"^ShapE", "text-to-3d"),
        (r"^MarigoldDepth", "depth-estimation"),
        (r"Video2Video|VideoToVideo|VideoToWorld", "video-to-video"),
        (
            r"ImageToVideo|Image2Video|I2V|StableVideoDiffusion|ConsisID|WanAnimate|^PIA|Framepack",
            "image-to-video",
        ),
        (
            r"TextToVideo|TextToWorld|T2V|^(?:Allegro|AnimateDiff|CogVideoX|EasyAnimate|Helios|HunyuanVideo|LTX|Latte|"
            r"Mochi|MotifVideo|SanaVideo|SkyReelsV2|Wan)",
            "text-to-video",
        ),
        (
            r"Img2Img|Image2Image|I2I|Inpaint|Upscal|SuperResolution|Pix2Pix|Kontext|Edit(?!ing)|ImageVariation|"
            r"Depth2Img|CycleDiffusion|PaintByExample|RePaint|FluxFill|Redux|ImageRefiner",
            "image-to-image",
        ),
        (
            r"^(?:Consistency|DDIM|DDPM|DiT|KarrasVe|LDM|PNDM|ScoreSdeVe)(?:Model)?Pipeline",
            "unconditional-image-generation",
        ),
        (
            r"^(?:Onnx)?(?:Alt|Amused|AuraFlow|Blip|Bria|Chroma|CogView|Cosmos2TextToImage|DreamLite|ErnieImage|Flux|"
            r"GlmImage|HiDream|HunyuanDiT|HunyuanImage|IF|Ideogram|Kandinsky|Kolors|Krea|LDMTextToImage|"
            r"LatentConsistency|LongCatImage|Lumina|NucleusMoEImage|OmniGen|OvisImage|PRX|PixArt|QwenImage|Sana|"
            r"SemanticStable|StableCascade|StableDiffusion|StableUnCLIP|UnCLIP|VQDiffusion|VersatileDiffusion|"
            r"Wuerstchen|ZImage)",
            "text-to-image",
        ),
    )
)  # fmt: skip
